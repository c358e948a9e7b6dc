//go:build !stockunknown

package stockdriver

// knowsInsides is false in tests of what is done without.
const knowsInsides = true
