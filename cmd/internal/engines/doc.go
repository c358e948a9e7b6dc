// Package engines tests the driver with distributed engines: what is theirs alone, as
// Vitess's keyspaces, and what a wrong guess about them would break, as schemas that are
// switched. Its tests run where MYSQL_POOL_TEST_ENGINES is set (make test-others).
package engines
