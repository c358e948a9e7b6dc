// Package corpus reads the corpora in testdata. It is for tests.
package corpus

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Statement is what a text leaves in its session, and what it ends, in the words of
// session.Kinds.
type Statement struct {
	Text, Leaves, Ends string
	Line               int // in the file
}

// Statements reads a file of statements, a line each: see testdata/classifier/statements.txt.
func Statements(file string) (all []Statement, err error) {
	err = lines(file, func(n int, line string) error {
		if line == "" {
			return nil
		}
		i := strings.LastIndex(line, " => ")
		if i < 0 {
			return fmt.Errorf("got %q, want a statement, => and what it leaves", line)
		}
		s := Statement{Text: line[:i], Line: n}
		var ends bool
		if s.Leaves, s.Ends, ends = strings.Cut(line[i+len(" => "):], "; ends "); !ends {
			s.Ends = "none"
		}
		if strings.HasPrefix(s.Text, `"`) {
			if s.Text, err = strconv.Unquote(s.Text); err != nil {
				return fmt.Errorf("%s: got no string of Go's: %w", line[:i], err)
			}
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// A Sequence is what statements leave that run in one session.
type Sequence struct {
	Statements []string
	Leaves     string
	Line       int // of its end in the file
}

// Sequences reads a file of sequences: see testdata/classifier/sequences.txt.
func Sequences(file string) (all []Sequence, err error) {
	var s Sequence
	err = lines(file, func(n int, line string) error {
		leaves, ends := strings.CutPrefix(line, "=> ")
		switch {
		case line == "":
			if len(s.Statements) > 0 {
				return fmt.Errorf("got an empty line, want => and what %q leave", s.Statements)
			}
		case !ends:
			s.Statements = append(s.Statements, line)
		case len(s.Statements) == 0:
			return fmt.Errorf("got %q, want statements before it", line)
		default:
			s.Leaves, s.Line = leaves, n
			all = append(all, s)
			s = Sequence{}
		}
		return nil
	})
	if err == nil && len(s.Statements) > 0 {
		err = fmt.Errorf("%s: ends without => and what %q leave", file, s.Statements)
	}
	return all, err
}

// Texts reads a file of texts that have "----" on a line between them.
func Texts(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return strings.Split(string(content), "\n----\n"), nil
}

// Seeds reads a file of numbers, a line each: see testdata/diff/seeds.txt.
func Seeds(file string) (all []uint64, err error) {
	err = lines(file, func(_ int, line string) error {
		if line == "" {
			return nil
		}
		seed, err := strconv.ParseUint(line, 10, 64)
		all = append(all, seed)
		return err
	})
	return all, err
}

// lines passes on the lines of a file that are no comments, with their numbers. A file
// without any is an error, so that no test passes for want of it.
func lines(file string, each func(n int, line string) error) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, some := 0, false
	for s := bufio.NewScanner(bytes.NewReader(content)); s.Scan(); {
		n++
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		some = some || s.Text() != ""
		if err := each(n, s.Text()); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	if !some {
		return fmt.Errorf("%s: got nothing but comments", file)
	}
	return nil
}
