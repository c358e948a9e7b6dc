// Package secondopinion asks a whole SQL parser whether the session package,
// which reads statements with much less, calls clean what is not. It has tests
// only.
package secondopinion
