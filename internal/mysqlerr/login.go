package mysqlerr

import "strings"

// IsRefused reports whether a login failed because of the account: its password,
// its host, or because it is locked or its password expired. That it may not use
// a schema is none of these.
func IsRefused(err error) bool {
	switch Number(err) {
	case AccessDenied, DeniedNoPassword, HostNotPrivileged,
		NotSupportedAuth, PluginNotLoaded, SecureTransport,
		PasswordExpired, AccountLocked, PasswordLock, UserIsBlocked:
		return true
	}
	return false
}

// IsServerFull reports whether a login failed because the server has no room
// for another, for anybody or for this user. UserLimitReached is about any of a
// user's resources, of which max_user_connections alone comes free by waiting.
func IsServerFull(err error) bool {
	switch Number(err) {
	case ConCount, TooManyUserConns:
		return true
	case UserLimitReached:
		return strings.Contains(message(err), "max_user_connections")
	}
	return false
}

// IsOfHost reports whether a login failed because of the host, so that another
// host may do better, as any error without a number does. A wrong password is as
// wrong there.
func IsOfHost(err error) bool {
	switch number := Number(err); number {
	case 0, HostIsBlocked, HostNotPrivileged:
		return true
	default:
		return IsOffline(err) || EndsSession(number) || IsServerFull(err) || IsUnready(err)
	}
}
