package main

// A library is one that Go and MySQL people use, with a program for it.
type library struct {
	name    string
	module  string // whose version is shown; "": version, or else Go's
	version string
	checked string
	params  string // more of the DSN
	program func(*run)
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
	sqldbLoggerLibrary,
	instrumentedsqlLibrary,
}
