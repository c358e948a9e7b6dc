package mysqlerr

import "strings"

// IsUnready reports whether a node of a Galera cluster says that it is not part
// of it: "WSREP has not yet prepared node for application use".
func IsUnready(err error) bool {
	return Number(err) == UnknownCom && strings.Contains(message(err), "WSREP")
}

// IsOffline reports whether a server is in offline mode, as a member is that has
// left its replication group. The mode has other numbers where the error gives a
// reason.
func IsOffline(err error) bool {
	switch Number(err) {
	case OfflineMode, OfflineModeReason:
		return true
	}
	return strings.Contains(message(err), "in offline mode")
}

// IsReadOnly reports whether a server refused a write because it takes none.
// OptionPrevents is about other options too.
func IsReadOnly(err error) bool {
	switch Number(err) {
	case ReadOnlyMode:
		return true
	case OptionPrevents:
		return strings.Contains(message(err), "read-only") || strings.Contains(message(err), "read_only")
	}
	return false
}

// IsReadOnlyTransaction reports whether a write was refused in a read-only
// transaction. A server that became read-only says so too, of transactions that
// were not begun as such.
func IsReadOnlyTransaction(err error) bool { return Number(err) == ReadOnlyTrx }
