package main

// A plant is a bug: in a file, relative to the root, the text old, which must
// be there exactly once, becomes new.
type plant struct {
	name, file, old, new string
}

var plants = []plant{
	{
		name: "a connection with state is handed on",
		file: "driver/physical.go",
		old:  "return !p.dirty && !p.inTx",
		new:  "return true",
	},
	{
		name: "the schema is not switched",
		file: "driver/physical.go",
		old:  "case p.schema:",
		new:  "case p.schema, schema:",
	},
	{
		name: "the password does not count in the key",
		file: "driver/key.go",
		old:  `case "DBName":`,
		new:  `case "DBName", "Passwd":`,
	},
	{
		name: "a pinned connection is offered",
		file: "driver/conn.go",
		old:  "c.ticket = c.lent.Pin()",
		new:  "c.ticket = c.lent.Offer()",
	},
	{
		name: "autocommit does not count",
		file: "driver/physical.go",
		old:  "return !plain || !p.autocommit",
		new:  "return !plain",
	},
	{
		name: "a transaction begun in Conn.Raw goes unseen",
		file: "driver/physical.go",
		old:  "return !p.dirty && !p.inTx",
		new:  "return !p.dirty",
	},
	{
		name: "user variables go unseen",
		file: "internal/session/session.go",
		old:  "case c == '@', c == ';':",
		new:  "case c == ';':",
	},
	{
		name: "comments that the server executes go unseen",
		file: "internal/session/session.go",
		old:  `return hasPrefixAt(s, i, "/*!")`,
		new:  `return false && hasPrefixAt(s, i, "/*!")`,
	},
	{
		name: "prepared statements leave no state",
		file: "driver/stmt.go",
		old:  "p.dirty = p.leavesState(s.plain)",
		new:  "p.dirty = false",
	},
	{
		name: "an evicted connection is kept",
		file: "driver/conn.go",
		old:  "c.connector.validates.Load() || calledByDatabaseSQL() || c.bad || !p.IsValid()",
		new:  "!p.IsValid()",
	},
	{
		name: "a statement is not prepared again on another connection",
		file: "driver/stmt.go",
		old:  "if p != s.on {",
		new:  "if s.on == nil {",
	},
}
