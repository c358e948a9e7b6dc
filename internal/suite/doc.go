// Package suite says how the driver behaves on a server, as a program that imports
// it sees it. Its tests run on the server that the environment names
// (MYSQL_POOL_TEST_DSN), whatever it is: a test asks the server for what it needs,
// and skips if the server lacks it.
//
// The server is the suite's alone while it runs: it counts connections, kills some,
// and sets global variables.
package suite
