package main

// A plant is a bug: in a file, relative to the root, the text old, which must
// be there exactly once, becomes new.
type plant struct {
	name, file, old, new string
}

var plants = []plant{
	{
		name: "a connection with state is handed on",
		file: "driver/restore.go",
		old:  "how, err := p.restore(ctx, kinds)",
		new:  "p.state.Reset()\n\thow, err := undone, error(nil)",
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
		old:  "c.ticket = c.lent.Pin(uint32(kinds))",
		new:  "c.ticket = c.lent.Offer()",
	},
	{
		name: "the login's character set is not restored",
		file: "driver/restore.go",
		old:  "_, err = p.ExecContext(ctx, st, nil)\n\t\treturn err",
		new:  "return nil",
	},
	{
		name: "autocommit does not count",
		file: "driver/state.go",
		old:  "if st.Opens() && !p.autocommit() {",
		new:  "if p.statusFlag = (stockFields{}).statusFlag; false {",
	},
	{
		name: "the DSN's parameters are not set again",
		file: "driver/restore.go",
		old:  "if p.config.setParams != \"\" {",
		new:  "if false {",
	},
	{
		name: "the schema is not selected again after a reset",
		file: "driver/restore.go",
		old:  "return p.useAgain(ctx)",
		new:  "return p.findSchema(ctx)",
	},
	{
		name: "user variables go unseen",
		file: "internal/session/statement.go",
		old:  "p.st.Leaves |= UserVariables\n",
		new:  "\n",
	},
	{
		name: "prepared statements leave no state",
		file: "driver/stmt.go",
		old:  "s.on.ran(&s.inner.Stmt.says, firstArg, err)",
		new:  "s.on.busy = false",
	},
	{
		name: "named locks are not released",
		file: "internal/session/undo.go",
		old:  `return "DO RELEASE_ALL_LOCKS()", true`,
		new:  `return "DO 0", true`,
	},
	{
		name: "an evicted connection is kept",
		file: "driver/conn.go",
		old:  "c.connector.validates.Load() || calledByDatabaseSQL() || c.bad || p.doomed || !p.IsValid()",
		new:  "!p.IsValid()",
	},
	{
		name: "a statement is not prepared again on another connection",
		file: "driver/stmt.go",
		old:  "if p == s.on && p.stmts.epoch == s.epoch && !s.inner.Stmt.stale {",
		new:  "if s.on != nil {",
	},
	{
		name: "kept statements are used under session state",
		file: "driver/stmtkept.go",
		old:  "return p.state.Kinds()&^sameMeaning != 0 || p.schema == unknownSchema || p.altered",
		new:  "return p.altered",
	},
	{
		name: "statements do not follow before the session changes",
		file: "driver/stmt.go",
		old:  "if says.Leaves&^sameMeaning == 0 {",
		new:  "if true {",
	},
}
