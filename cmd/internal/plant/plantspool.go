package main

// The pool.
var poolPlants = []plant{
	{
		name: "a closed connection leaves waiters without a login",
		file: "internal/pool/checkin.go",
		old:  "\tif p.waiters.len > 0 { // it may have been the last that they could wait for",
		new:  "\tif false {",
		test: "TestModel",
		pkg:  "./internal/pool",
	},
	{
		name: "room is not made while a login is underway",
		file: "internal/pool/checkin.go",
		old:  "len(p.idle) == 0 || !p.noRoomLocked() {",
		new:  "len(p.idle) == 0 || p.logins > 0 || !p.noRoomLocked() {",
		test: "TestModel|TestRoomIsMadeForEach",
		pkg:  "./internal/pool",
	},
	{
		name: "after a refused password the pool logs in unasked",
		file: "internal/pool/login.go",
		old:  "\tif p.denied {",
		new:  "\tif false {",
		test: "TestNothingLogsInUnaskedAfterARefusal",
		pkg:  "./internal/pool",
	},
	{
		name: "a queue that is served in time opens connections",
		file: "internal/pool/ramp.go",
		old:  "p.waiters.len - int(served);",
		new:  "p.waiters.len - 0*int(served);",
		test: "TestQueueThatIsServedInTimeOpensNothing",
		pkg:  "./internal/pool",
	},
	{
		name: "after failed logins the next ones start slowly",
		file: "internal/pool/ramp.go",
		old:  "shrinkRampLocked() { p.window = 0 }",
		new:  "shrinkRampLocked() { p.window = 1 }",
		test: "TestFailedLoginsDoNotSlowTheNextOnes",
		pkg:  "./internal/pool",
	},
	{
		name: "two keepalive pings run at once",
		file: "internal/pool/keepalive.go",
		old:  "p.pinged != nil || p.waiters.len > 0",
		new:  "p.waiters.len > 0",
		test: "TestKeepaliveDelaysNobodyBesideAnother",
		pkg:  "./internal/pool",
	},
	{
		name: "any number of logins try an unproven password",
		file: "internal/loginpace/loginpace.go",
		old:  "\tif a.underway >= UnprovenMost && waited < UnprovenLimit {",
		new:  "\tif a.underway >= UnprovenMost && waited < 0*UnprovenLimit {",
		test: "TestRefusedLoginsAreFew",
	},
	{
		name: "the pool does not learn that a password was refused",
		file: "internal/hosts/dialer.go",
		old:  "\t\tAuthFailed:   refusesAll,\n",
		new:  "",
		test: "TestNoLoginUnaskedAfterARefusal",
	},
}
