// Package mysqlerr names the error numbers of MySQL and MariaDB servers that the
// pool goes by, and says what each means for a connection, a login or a host.
package mysqlerr

import (
	"errors"

	"github.com/go-sql-driver/mysql"
)

// The numbers, by their names without ER_ (MySQL manual, "Server Error Message
// Reference"; MariaDB's, "MariaDB Error Code Reference", for those it has alone).
const (
	ConCount            = 1040
	DBAccessDenied      = 1044
	AccessDenied        = 1045
	NoDB                = 1046
	UnknownCom          = 1047
	BadNull             = 1048
	BadDB               = 1049
	ServerShutdown      = 1053
	DupEntry            = 1062
	Parse               = 1064
	WrongDBName         = 1102
	Unknown             = 1105
	UnknownTable        = 1109
	HostIsBlocked       = 1129
	HostNotPrivileged   = 1130
	TableAccessDenied   = 1142
	ColumnAccessDenied  = 1143
	NoSuchTable         = 1146
	Aborting            = 1152
	PacketTooLarge      = 1153
	PacketsOutOfOrder   = 1156
	UncompressError     = 1157
	NetRead             = 1158
	NetReadInterrupted  = 1159
	NetWrite            = 1160
	NetWriteInterrupted = 1161
	NewAborting         = 1184
	UnknownVariable     = 1193
	TooManyUserConns    = 1203
	LockWaitTimeout     = 1205
	Deadlock            = 1213
	UserLimitReached    = 1226
	SpecificDenied      = 1227
	WrongValueForVar    = 1231
	NotSupportedYet     = 1235
	UnknownStmt         = 1243
	NotSupportedAuth    = 1251
	OptionPrevents      = 1290
	NoSuchFunction      = 1305 // SP_DOES_NOT_EXIST
	QueryInterrupted    = 1317
	ProcAccessDenied    = 1370
	TooManyStmts        = 1461 // MAX_PREPARED_STMT_COUNT_REACHED
	PluginNotLoaded     = 1524
	NeedReprepare       = 1615
	DeniedNoPassword    = 1698 // MariaDB
	ReadOnlyTrx         = 1792 // CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	MustChangePassword  = 1820
	MalformedPacket     = 1835
	ReadOnlyMode        = 1836
	PasswordExpired     = 1862 // MUST_CHANGE_PASSWORD_LOGIN
	ConnectionKilled    = 1927 // MariaDB
	OfflineMode         = 3032
	AccountLocked       = 3118
	SecureTransport     = 3159
	FeatureDisabled     = 3167
	SessionKilled       = 3169
	PasswordLock        = 3955
	Conversion          = 3988 // IMPOSSIBLE_STRING_CONVERSION
	InactivityTimeout   = 4031 // CLIENT_INTERACTION_TIMEOUT
	UserIsBlocked       = 4151 // MariaDB
	OfflineModeReason   = 6400 // OfflineMode with a reason

	// Of a client, which a proxy or another server may pass on as its own.
	ServerGone        = 2006 // CR_SERVER_GONE_ERROR
	ServerLost        = 2013 // CR_SERVER_LOST
	CommandsOutOfSync = 2014 // CR_COMMANDS_OUT_OF_SYNC
)

// Number is the number of an error that a server answered with, else 0.
func Number(err error) uint16 {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number
	}
	return 0
}

// message is the text of an error that a server answered with, else "".
func message(err error) string {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Message
	}
	return ""
}
