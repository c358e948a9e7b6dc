package main

import "slices"

// A mutant is a bug: in a file, relative to the root, the text old, which must
// be there exactly once, becomes new.
type mutant struct {
	name, file, old, new string

	test   string // that finds it; empty: the differential test
	pkg    string // where that is; empty: ./internal/suite for TestSuite…, ./driver for others
	server string // MariaDB or MySQL, with or without the start of a version, if it shows on that alone
	alone  bool   // built without the other bugs: the function asks who called it
}

var mutants = slices.Concat(diffMutants, budgetMutants, stmtsMutants, poolMutants, answersMutants, restoreMutants, hostsMutants, afterLoginMutants)
