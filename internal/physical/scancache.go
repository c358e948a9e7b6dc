package physical

import (
	"hash/maphash"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Bounds of what a connection remembers of texts: most programs run the same few
// again and again, and a long text is rarely the same again.
const (
	maxScanned       = 8    // texts
	maxScannedLength = 1024 // bytes of each
)

// scannedTexts is the effects of some texts that ran more than once. Guarded by ownership.
type scannedTexts struct {
	known [maxScanned]session.Statement
	seen  [maxScanned]uint64 // hashes of texts that ran once
	next  uint8              // the place in known for another
}

// textSeed is of every hash.
var textSeed = maphash.MakeSeed()

// scan is session.Scan of a text.
func (t *scannedTexts) scan(query string, multi bool) session.Statement {
	for i := range t.known {
		if st := &t.known[i]; st.IsOf(query) {
			return *st
		}
	}
	if len(query) > maxScannedLength {
		return session.Scan(query, multi)
	}
	hash := maphash.String(textSeed, query)
	seen := &t.seen[hash%maxScanned]
	if *seen != hash {
		*seen = hash
		return session.Scan(query, multi)
	}
	// A copy, since the text may be part of a long one.
	st := session.Scan(strings.Clone(query), multi)
	t.known[t.next%maxScanned] = st
	t.next++
	return st
}
