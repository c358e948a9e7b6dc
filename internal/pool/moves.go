//go:build !countmoves

package pool

const countsMoves = false

func countMove(from, to word, by mover) {}

// Moves returns nil; see the build with the tag countmoves.
func Moves() map[string]int64 { return nil }
