package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completion is the command "mysqlpool completion".
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is called by kong.
func (c *completion) Help() string {
	return `For bash, put this into ~/.bashrc:

    source <(mysqlpool completion bash)

For zsh, the same into ~/.zshrc, after compinit:

    source <(mysqlpool completion zsh)

For fish, once:

    mysqlpool completion fish >~/.config/fish/completions/mysqlpool.fish`
}

// Run is called by kong.
func (c *completion) Run(k *kong.Kong, stdout io.Writer) error {
	script := map[string]func(io.Writer, *kong.Kong){"bash": completeBash, "zsh": completeZsh, "fish": completeFish}[c.Shell]
	script(stdout, k)
	return nil
}

// subcommands returns the commands that are shown.
func subcommands(k *kong.Kong) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(k.Model.Children), func(n *kong.Node) bool { return n.Hidden })
}

func commandNames(k *kong.Kong) (names []string) {
	for _, n := range subcommands(k) {
		names = append(names, n.Name)
	}
	return names
}

// flagsOf returns a command's flags as they are typed. One that takes a value
// ends in "=".
func flagsOf(n *kong.Node) (flags []string) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			flag := "--" + f.Name
			if !f.IsBool() {
				flag += "="
			}
			flags = append(flags, flag)
		}
	}
	return flags
}

// wordsAfter is what may stand after a command besides its flags.
func wordsAfter(k *kong.Kong, n *kong.Node) []string {
	switch n.Name {
	case "help":
		return commandNames(k)
	case "completion":
		return []string{"bash", "zsh", "fish"}
	}
	return nil
}

func completeBash(w io.Writer, k *kong.Kong) {
	fmt.Fprint(w, `_mysqlpool() {
	local word=${COMP_WORDS[COMP_CWORD]} words
	case $COMP_CWORD:${COMP_WORDS[1]} in
`)
	fmt.Fprintf(w, "\t1:*) words='%s' ;;\n", strings.Join(append(commandNames(k), flagsOf(k.Model.Node)...), " "))
	for _, n := range subcommands(k) {
		fmt.Fprintf(w, "\t*:%s) words='%s' ;;\n", n.Name, strings.Join(append(wordsAfter(k, n), flagsOf(n)...), " "))
	}
	fmt.Fprint(w, `	esac
	COMPREPLY=($(compgen -W "$words" -- "$word"))
	[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
	return 0
}
complete -F _mysqlpool mysqlpool
`)
}

func completeZsh(w io.Writer, k *kong.Kong) {
	fmt.Fprint(w, `_mysqlpool() {
	local -a found
	case $CURRENT:$words[2] in
`)
	script := &strings.Builder{}
	fmt.Fprintf(script, "\t2:*) found=(%s) ;;\n", strings.Join(append(commandNames(k), flagsOf(k.Model.Node)...), " "))
	for _, n := range subcommands(k) {
		fmt.Fprintf(script, "\t*:%s) found=(%s) ;;\n", n.Name, strings.Join(append(wordsAfter(k, n), flagsOf(n)...), " "))
	}
	io.WriteString(w, script.String())
	fmt.Fprint(w, `	esac
	compadd -S '' -- ${(M)found:#*=}
	compadd -- ${found:#*=}
}
compdef _mysqlpool mysqlpool
`)
}

func completeFish(w io.Writer, k *kong.Kong) {
	fmt.Fprintln(w, "complete -c mysqlpool -f")
	for _, n := range subcommands(k) {
		fmt.Fprintf(w, "complete -c mysqlpool -n __fish_use_subcommand -a %s -d %s\n", n.Name, fishQuote(n.Help))
		for _, word := range wordsAfter(k, n) {
			fmt.Fprintf(w, "complete -c mysqlpool -n '__fish_seen_subcommand_from %s' -a %s\n", n.Name, word)
		}
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				needs := " -r"
				if f.IsBool() {
					needs = ""
				}
				fmt.Fprintf(w, "complete -c mysqlpool -n '__fish_seen_subcommand_from %s' -l %s%s -d %s\n", n.Name, f.Name, needs, fishQuote(firstSentence(f.Help)))
			}
		}
	}
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func firstSentence(s string) string {
	first, _, _ := strings.Cut(s, ". ")
	return strings.TrimSuffix(first, ".")
}
