package main

// A plant is a bug: in a file, relative to the root, the text old, which must
// be there exactly once, becomes new.
type plant struct {
	name, file, old, new string

	test   string // that finds it; empty: the differential test
	pkg    string // where that is; empty: ./driver
	server string // MariaDB or MySQL, if it shows on that alone
}

var plants = []plant{
	{
		name: "a connection with state is handed on",
		file: "driver/restore.go",
		old:  "how, err = p.restore(ctx, kinds)",
		new:  "p.state.Reset()\n\t\thow = undone",
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
		old:  "if err := p.setNames(ctx); err != nil {",
		new:  "if err := ctx.Err(); err != nil {",
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
		old:  `if p.config.setParams != "" {`,
		new:  `if p.config.setParams == "\x00" {`,
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
		old:  "s.c.after(s.on, &s.inner.Stmt.says, args, result, err)",
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
	{
		name: "an open transaction that the server tells of does not count",
		file: "driver/state.go",
		old:  "if p.inTx || p.inTransaction() {",
		new:  "if p.inTx {",
	},
	{
		name: "what was left open is committed",
		file: "internal/session/undo.go",
		old:  `undo = append(undo, "ROLLBACK")`,
		new:  `undo = append(undo, "COMMIT")`,
	},
	{
		name: "of several SETs the last alone is undone",
		file: "internal/session/state.go",
		old:  "s.vars |= st.vars",
		new:  "s.vars = st.vars",
	},
	{
		name: "a lock that was taken twice counts once",
		file: "internal/session/state.go",
		old:  "s.locks[i].count++",
		new:  "s.locks[i].count = 1",
	},
	{
		name: "with one temporary table dropped all are thought gone",
		file: "internal/session/state.go",
		old:  "if len(s.tables) == 0 {",
		new:  "if s.tables = s.tables[:0]; true {",
	},
	{
		name: "a kept statement runs with arguments of any kind",
		file: "driver/stmtargs.go",
		old:  "if kind == s.kinds[i] {",
		new:  "if kind != kindNone {",
	},
	{
		name: "statements are kept whatever the schema",
		file: "internal/stmtcache/cache.go",
		old:  "Get(schema, text string) *Entry[S] { return c.entries[key{schema, text}] }",
		new:  "Get(schema, text string) *Entry[S] {\n\tfor k, e := range c.entries {\n\t\tif k.text == text {\n\t\t\treturn e\n\t\t}\n\t}\n\treturn nil\n}",
	},
	{
		name: "a schema that cannot be used is thought current",
		file: "driver/physical.go",
		old:  "if err == nil {\n\t\tp.schema, p.schemas = schema, schemas\n\t}",
		new:  "p.schema, p.schemas = schema, schemas",
	},
	{
		name: "a connection that is taken back is not checked",
		file: "driver/conn.go",
		old:  "if err := c.check(ctx, p); err != nil {",
		new:  "if err := c.check(ctx, p); err != nil && false {",
	},
	{
		name: "the DSN's parameters do not count in the key",
		file: "driver/key.go",
		old:  "b = appendString(b, cfg.Params[param])",
		new:  `b = appendString(b, "")`,
	},
	{
		name: "a ticket takes back what the pool gave away",
		file: "internal/pool/conn.go",
		old:  "if !c.swap(w, w.with(InUse), byOwner) {",
		new:  "if c.swap(w, w.with(InUse), byOwner); c.load().state() != InUse {",
	},
	{
		name: "a statement that failed leaves nothing",
		file: "driver/state.go",
		old:  "p.state.Before(st, firstArg)",
		new:  "if before := p.state.Before; err == nil {\n\t\tbefore(st, firstArg)\n\t}",
	},
	{
		name: "a DSN without a schema gets any connection",
		file: "driver/physical.go",
		old:  "case \"\":\n\t\treturn pool.Misfit",
		new:  "case \"\":\n\t\treturn pool.Exact",
	},
	{
		name: "with pool_reset=always a connection is reset once",
		file: "driver/state.go",
		old:  "return p.used\n",
		new:  "return p.used && p.login.resets.Load() == 0\n",
	},
	{
		name: "what is in a transaction is not undone before autocommit is on",
		file: "internal/session/undo.go",
		old:  "if s.kinds&(Transaction|NextTransaction) != 0 || s.AutocommitSet() {",
		new:  "if s.kinds&(Transaction|NextTransaction) != 0 && !s.AutocommitSet() {",
	},
	{
		name: "a schema that was made anew is not selected again",
		file: "driver/answers.go",
		old:  "h.server.schemas.Add(1)",
		new:  "h.server.schemas.Add(0)",
	},
	{
		name: "a nil slice is no NULL",
		file: "driver/stmtargs.go",
		old:  "case v == nil:",
		new:  "case v == nil && times.truncate < 0:",
	},
	{
		name:   "who kills a connection by its id is not heard of",
		file:   "driver/answers.go",
		old:    "if st.Kills() {",
		new:    "if st.Kills() && h == nil {",
		server: "MySQL",
	},
}
