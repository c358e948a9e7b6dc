// Package docs holds README.md and docs/ to the code: every link leads somewhere,
// every Go block compiles, programs and shell commands run as they are printed, and
// each figure of the README is in docs/performance.md. What cannot run in CI says
// why in a comment before the block:
//
//	<!-- docs: skip: WHY -->     the block does not run
//	<!-- docs: file: main.go --> the reader saves the block under this name
//	<!-- docs: output -->        each line of the block is in what the block before it printed
//	<!-- docs: status: 1 -->     the commands end with this exit status; 0 passes too
//
// A page's shell blocks run in order, in one shell, in an empty module beside the
// clone. Only the server's address is another than the one that is printed. A line
// of make is not run: its target must exist.
package docs
