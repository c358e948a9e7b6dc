package mysqlerr

// EndsSession reports whether the server ends the session after an error.
func EndsSession(number uint16) bool {
	switch number {
	case ServerShutdown, Aborting, NewAborting,
		NetRead, NetReadInterrupted, NetWrite, NetWriteInterrupted,
		ConnectionKilled, SessionKilled, InactivityTimeout,
		ServerGone, ServerLost: // a proxy says so of its own connection
		return true
	}
	return false
}

// MayEndSession reports whether the session may have ended with an error. The caller must
// ping. All rules for dead connections: physical.Conn.noteError (liveness.go).
func MayEndSession(number uint16) bool {
	switch number {
	case QueryInterrupted, // the statement was killed, or the session (MySQL)
		PacketTooLarge, PacketsOutOfOrder, UncompressError, MalformedPacket:
		return true
	}
	return false
}

// IsOfData reports whether an error says something of the rows or of other sessions, and
// nothing of the statement itself.
func IsOfData(number uint16) bool {
	switch number {
	case 1022, DupEntry, 1169, 1586, 1761, 1762, // duplicate keys
		1216, 1217, 1451, 1452, 3819, 4025, // foreign keys and checks
		BadNull, 1264, 1364, 1406, // NULL, a number out of range, no default, a text that is too long
		LockWaitTimeout, Deadlock, 3572, // locks
		QueryInterrupted, 1969, 3024, // interrupted, or took too long
		1644: // SIGNAL
		return true
	}
	return false
}

// IsUnknown reports whether a server does not know what it was asked, or does not
// support it.
func IsUnknown(err error) bool {
	switch Number(err) {
	case Parse, Unknown, UnknownVariable, NotSupportedYet:
		return true
	}
	return false
}

// MayLackFunction reports whether a server may not know a function that it was asked to
// call. MySQL before 8.0 says ProcAccessDenied of one that is not there, to an account
// without EXECUTE.
func MayLackFunction(err error) bool {
	switch Number(err) {
	case NoSuchFunction, ProcAccessDenied, Parse, NotSupportedYet:
		return true
	}
	return false
}

// MayPass reports whether an error that says that the server does not know may be
// of the moment: Vitess and proxies answer with it what they have no number for,
// such as that no backend is healthy.
func MayPass(err error) bool { return Number(err) == Unknown }

// IsDenied reports whether the account may not ask, or the server does not know the
// table.
func IsDenied(err error) bool {
	switch Number(err) {
	case DBAccessDenied, TableAccessDenied, ColumnAccessDenied, SpecificDenied,
		Unknown, UnknownTable, NoSuchTable, FeatureDisabled:
		return true
	}
	return false
}

// UnlessExpired returns nil for an expired password: the user can do one thing
// on the connection, which is to set another (MySQL manual, "Server Handling of
// Expired Passwords").
func UnlessExpired(err error) error {
	if Number(err) == MustChangePassword {
		return nil
	}
	return err
}
