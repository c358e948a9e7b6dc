// Package secondopinion compares the scanner of internal/session with a real SQL
// parser: where that one finds session state, ours must not find none.
package secondopinion
