package main

import (
	"os/exec"
	"testing"
)

// With all bugs in one copy it still builds, and all but a few are in it: the
// others are built one by one, which takes long.
func TestMutantsTogether(t *testing.T) {
	tester := tester{root: "../../.."}
	defer tester.close()
	if err := tester.mutateAll(mutants); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "./driver", "./internal/...")
	build.Dir = tester.together
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := map[int]bool{}
	for _, p := range mutants {
		number := tester.numbers[p.name]
		if number == 0 {
			t.Logf("built alone: %s (%s)", p.name, p.file)
			continue
		}
		if seen[number] {
			t.Errorf("%s: number %d twice", p.name, number)
		}
		seen[number] = true
	}
	if alone := len(mutants) - len(seen); alone > len(mutants)/10 {
		t.Errorf("%d bugs of %d are built alone, want few", alone, len(mutants))
	}
}
