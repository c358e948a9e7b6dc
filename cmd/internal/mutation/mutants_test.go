package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The code that the bugs go into changes: each must still find its place.
func TestMutantsApply(t *testing.T) {
	for _, p := range mutants {
		t.Run(p.name, func(t *testing.T) {
			dir := t.TempDir()
			text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(p.file)))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, filepath.FromSlash(p.file))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := p.apply(dir); err != nil {
				t.Fatal(err)
			}
			if err := p.apply(dir); err == nil {
				t.Error("the text is there twice, or was not replaced")
			}
		})
	}
}

// Where no test has the name that a bug is to be found by, go test passes.
func TestMutantsNameTests(t *testing.T) {
	for _, p := range mutants {
		dir := filepath.Join("..", "..", "..", filepath.FromSlash(p.packageName()))
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		for name := range strings.SplitSeq(p.testName(), "|") {
			if !regexp.MustCompile(`(?m)^func ` + name + `\(`).MatchString(all.String()) {
				t.Errorf("%s: %s has no %s", p.name, p.packageName(), name)
			}
		}
	}
}
