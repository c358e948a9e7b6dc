// Package chaos holds tests of both drivers against servers that crash, networks
// that stall and logins that hang: nothing may be lost, and all must be well
// again soon.
//
// They start servers of their own. The variables are in settings_test.go.
package chaos
