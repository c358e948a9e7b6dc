package physical

import (
	"context"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// UnknownSchema is the schema of a connection on which USE ran. No schema has
// this name, so that every checkout switches.
const UnknownSchema = "\x00"

// neutralSchema is a schema that every server has, and that is never recreated. The session
// is on it while USE is deferred.
const neutralSchema = "information_schema"

// sessionSchema is which schema a session is on. Guarded by ownership.
type sessionSchema struct {
	label   string // that it was to log in to
	home    string // that it did log in to, which BeforeConnect may have changed
	now     string // "" is none
	wanted  string // that its user is to be on; other than now only while USE is deferred: see deferredschema.go
	former  string // what now was before it became UnknownSchema
	changes int64  // Server.Schemas when it was last selected
}

func schemaAtLogin(label string) sessionSchema {
	return sessionSchema{label: label, home: label, now: label, wanted: label}
}

// loggedIn notes the schema that the login was to, in place of the label.
func (s *sessionSchema) loggedIn(schema string) { s.home, s.now, s.wanted = schema, schema, schema }

// found notes the schema that the server reported.
func (s *sessionSchema) found(schema string) { s.now, s.wanted = schema, schema }

// selected notes a schema that was selected after so many changes.
func (s *sessionSchema) selected(schema string, changes int64) {
	s.found(schema)
	s.changes = changes
}

func (s *sessionSchema) known() bool { return s.now != UnknownSchema }

// latest is the latest schema that was known.
func (s *sessionSchema) latest() string {
	if s.known() {
		return s.wanted
	}
	return s.former
}

// forget notes that a statement may have selected another.
func (s *sessionSchema) forget() {
	if s.known() {
		s.former = s.wanted
		s.found(UnknownSchema)
	}
}

// wants returns the schema that a checkout with the label wants on this connection: what a
// login with it would be on. ok is false if only a login can show that, since BeforeConnect
// changed the schema of this one.
func (s *sessionSchema) wants(label string) (schema string, ok bool) {
	switch {
	case label == s.label:
		return s.home, true
	case s.label == s.home:
		return label, true
	}
	return "", false
}

// labelOf is the label with which a checkout gets the connection as it is.
func (s *sessionSchema) labelOf() string {
	if s.label != s.home {
		return s.label
	}
	return s.latest()
}

// fits is Conn.Fits after so many changes.
func (s *sessionSchema) fits(label string, changes int64) pool.Fit {
	schema, ok := s.wants(label)
	if !ok {
		return pool.Misfit
	}
	switch schema {
	case s.wanted:
		if schema != "" && s.changes != changes {
			return pool.Convertible
		}
		return pool.Exact
	case "":
		return pool.Misfit
	}
	if s.wanted == "" {
		return pool.LastResort
	}
	return pool.Convertible
}

// Fits implements pool.Resource: the label is the schema of a config. A
// connection cannot be taken off its schema, so a checkout without one needs one
// without. Where a schema may have been recreated since it was selected, it is
// selected again: the session is on the one that is gone, with its character set.
func (p *Conn) Fits(label string) pool.Fit {
	return p.schema.fits(label, p.Host.Server.Schemas.Load())
}

// Switch implements pool.Resource. For an unknown or a forbidden schema the
// server has the same error numbers as at login. After any other error the
// connection is closed.
func (p *Conn) Switch(ctx context.Context, label string) (kept bool, err error) {
	schema, _ := p.schema.wants(label)
	s := switcher{p}
	switch {
	case s.canDefer(schema) && !p.deferred.skip():
		return s.deferUse(ctx, schema)
	case s.canSelectLater(schema):
		p.schema.wanted = schema
		return true, nil
	}
	kept, err = s.use(ctx, schema)
	p.diagnostics.checkEnded(ctx, err)
	return kept, err
}

// use is Switch to a schema, whatever its label.
func (p switcher) use(ctx context.Context, schema string) (kept bool, err error) {
	defer p.survive("the switch of the schema", &err)
	timed, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	p.usedBy(nil)
	changes := p.Host.Server.Schemas.Load()
	if p.deferred.isTestDue() {
		if err := p.testDeferral(timed, schema); err != nil {
			return false, err
		}
	}
	if p.schema.now == schema && p.schema.changes != changes {
		// To select the current one again changes nothing on MariaDB.
		if _, err := p.ExecContext(timed, "USE "+neutralSchema, nil); err != nil {
			return false, err
		}
		p.schema.found(neutralSchema)
	}
	_, err = p.ExecContext(timed, useText(schema), nil)
	if err == nil {
		p.schema.selected(schema, changes)
	}
	switch mysqlerr.Number(err) {
	case 0:
		if err != nil && ctx.Err() == nil {
			p.Host.DeadFound.Add(1)
		}
	case mysqlerr.DBAccessDenied, mysqlerr.BadDB, mysqlerr.WrongDBName:
		return true, err
	}
	return false, err
}

// useText returns the statement that selects a schema.
func useText(schema string) string { return "USE `" + strings.ReplaceAll(schema, "`", "``") + "`" }
