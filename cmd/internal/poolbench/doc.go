// Package poolbench holds benchmarks of the pool alone, without a server:
// beside github.com/jackc/puddle/v2, and beside database/sql over a fake
// connector.
package poolbench
