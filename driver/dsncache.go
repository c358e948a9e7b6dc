package mysqlpool

import (
	"sync"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

// seenDSN is what a DSN says, for a program that opens a handle with it again and again.
type seenDSN struct {
	config hosts.Config
	key    dsn.Key
	named  *dsn.Named
}

// maxSeen bounds how many DSNs are remembered: a few megabytes.
const maxSeen = 1024

// seenDSNs has no entry for a DSN whose pool cannot be shared.
var seenDSNs = seen{all: map[string]*seenDSN{}}

type seen struct {
	mu  sync.RWMutex
	all map[string]*seenDSN // by the DSN; guarded by mu
}

// connector returns a connector for a DSN that means what it meant before; nil for any
// other.
func (s *seen) connector(text string) *connector {
	s.mu.RLock()
	known := s.all[text]
	s.mu.RUnlock()
	if known == nil || !known.named.Unchanged() {
		return nil
	}
	c := &connector{}
	c.Config, c.Key, c.Shared = known.config, known.key, true
	return c
}

// add remembers a connector that was made of a DSN.
func (s *seen) add(text string, c *connector) {
	if !c.Shared {
		return
	}
	named, ok := dsn.NamedOf(c.Cfg)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxSeen {
		clear(s.all)
	}
	s.all[text] = &seenDSN{c.Config, c.Key, named}
}

// forget forgets all of them, with the passwords in them.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.all)
}
