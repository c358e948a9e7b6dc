package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// switchVariable says which bug a binary has, by its number; 0 for none.
const switchVariable = "MYSQL_POOL_MUTANT"

// buildTogether puts mutants into one copy, so that each package's tests are built
// once and not once for each bug. A function with a bug becomes a second function,
// which the first one calls if the environment says so. It returns the numbers of
// the mutants that it has: it can do so within functions alone.
func buildTogether(dir string, mutants []mutant) (numbers map[string]int, err error) {
	numbers = map[string]int{}
	byFile := map[string][]mutant{}
	for _, p := range mutants {
		if p.file != "" && !p.alone {
			byFile[p.file] = append(byFile[p.file], p)
		}
	}
	switches := map[string]string{} // the packages' names, by directory
	for file, all := range byFile {
		path := filepath.Join(dir, filepath.FromSlash(file))
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it does not apply, of which the build for it alone tells
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		calls := map[int]string{} // what goes to the start of a function's body, by its offset
		var functions strings.Builder
		for _, p := range all {
			call, function, at := p.asFunction(fset, parsed, string(text), len(numbers)+1)
			if function != "" {
				numbers[p.name] = len(numbers) + 1
				calls[at] += call
				functions.WriteString(function)
			}
		}
		if len(calls) == 0 {
			continue
		}
		offsets := make([]int, 0, len(calls))
		for at := range calls {
			offsets = append(offsets, at)
		}
		slices.Sort(offsets)
		out, done := "", 0
		for _, at := range offsets {
			out += string(text[done:at]) + calls[at]
			done = at
		}
		out += string(text[done:]) + functions.String()
		if err := os.WriteFile(path, []byte(out), 0o666); err != nil {
			return nil, err
		}
		switches[filepath.Dir(path)] = parsed.Name.Name
	}
	for dir, name := range switches {
		text := fmt.Sprintf("package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar activeMutant, _ = strconv.Atoi(os.Getenv(%q))\n", name, switchVariable)
		if err := os.WriteFile(filepath.Join(dir, "active_mutant.go"), []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// asFunction returns a copy of the function that the bug is in, with the bug, and
// a statement that calls it, for the offset at. It returns nothing if the bug is
// in no function, or its parameters have no names.
func (p mutant) asFunction(fset *token.FileSet, file *ast.File, text string, number int) (call, function string, at int) {
	start := strings.Index(text, p.old)
	if start < 0 || strings.Count(text, p.old) != 1 {
		return "", "", 0
	}
	offset := func(pos token.Pos) int { return fset.Position(pos).Offset }
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || start < offset(f.Pos()) || start+len(p.old) > offset(f.End()) {
			continue
		}
		args, ok := argumentsOf(f.Type.Params)
		if !ok {
			return "", "", 0
		}
		name := fmt.Sprintf("%sMutant%d", f.Name.Name, number)
		call = name + "(" + strings.Join(args, ", ") + ")"
		if f.Recv != nil {
			receiver, ok := argumentsOf(f.Recv)
			if !ok {
				return "", "", 0
			}
			call = receiver[0] + "." + call
		}
		if f.Type.Results != nil {
			call = "return " + call
		} else {
			call += "; return"
		}
		call = fmt.Sprintf(" if activeMutant == %d { %s }; ", number, call)
		begin, end := offset(f.Pos()), offset(f.End())
		copied := strings.Replace(text[begin:end], p.old, p.new, 1)
		copied = strings.Replace(copied, " "+f.Name.Name, " "+name, 1)
		return call, "\n" + copied + "\n", offset(f.Body.Lbrace) + 1
	}
	return "", "", 0
}

// argumentsOf returns parameters as arguments. It is not ok if one has no name.
func argumentsOf(list *ast.FieldList) (args []string, ok bool) {
	for _, field := range list.List {
		if len(field.Names) == 0 {
			return nil, false
		}
		for _, name := range field.Names {
			if name.Name == "_" {
				return nil, false
			}
			arg := name.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	return args, true
}
