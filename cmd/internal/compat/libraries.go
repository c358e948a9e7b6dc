package main

// A library is one that Go and MySQL people use, with a program for it.
type library struct {
	name    string
	module  string // whose version is shown; "": version, or else Go's
	version string
	checked string
	params  string // more of the DSN
	program func(*run)

	// most is how many logins there may be with mysql_pool, in all rounds; 0: as
	// many as with mysql.
	most int64
}

// libraries are all, in the order of the table.
var libraries = []library{
	gormLibrary,
	gormPreparedLibrary,
	sqlxLibrary,
	bunLibrary,
	xormLibrary,
	entLibrary,
	sqlcLibrary,
	gooseLibrary,
	migrateLibrary,
	scsLibrary,
	jobsLibrary,
	locksLibrary,
	otelsqlLibrary,
	sqlmwLibrary,
	sqlhooksLibrary,
	sqldbLoggerLibrary,
	instrumentedsqlLibrary,
}
