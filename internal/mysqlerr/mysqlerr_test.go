package mysqlerr

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func answer(number uint16, message string) error {
	return fmt.Errorf("login: %w", &mysql.MySQLError{Number: number, Message: message})
}

// What an error means is found behind what wraps it, and never without a server's
// answer.
func TestMeanings(t *testing.T) {
	for name, test := range map[string]struct {
		is      func(error) bool
		yes, no []error
	}{
		"unready":        {IsUnready, []error{answer(UnknownCom, "WSREP has not yet prepared node for application use")}, []error{answer(UnknownCom, "Unknown command")}},
		"offline":        {IsOffline, []error{answer(OfflineMode, ""), answer(OfflineModeReason, ""), answer(9999, "The server is currently in offline mode")}, []error{answer(9999, "")}},
		"read-only":      {IsReadOnly, []error{answer(ReadOnlyMode, ""), answer(OptionPrevents, "running with the --read-only option"), answer(OptionPrevents, "super_read_only")}, []error{answer(OptionPrevents, "--secure-file-priv"), answer(ReadOnlyTrx, "")}},
		"in transaction": {IsReadOnlyTransaction, []error{answer(ReadOnlyTrx, "")}, []error{answer(ReadOnlyMode, "")}},
		"full":           {IsServerFull, []error{answer(ConCount, ""), answer(TooManyUserConns, ""), answer(UserLimitReached, "exceeded the 'max_user_connections' resource")}, []error{answer(UserLimitReached, "exceeded the 'max_queries_per_hour' resource")}},
		"refused":        {IsRefused, []error{answer(AccessDenied, ""), answer(AccountLocked, "")}, []error{answer(DBAccessDenied, "")}},
		"unknown":        {IsUnknown, []error{answer(Parse, ""), answer(UnknownVariable, "")}, []error{answer(AccessDenied, "")}},
		"may pass":       {MayPass, []error{answer(Unknown, "no healthy tablet")}, []error{answer(Parse, "")}},
		"denied":         {IsDenied, []error{answer(TableAccessDenied, ""), answer(NoSuchTable, "")}, []error{answer(AccessDenied, "")}},
		"of the host":    {IsOfHost, []error{answer(HostIsBlocked, ""), answer(ServerShutdown, ""), answer(ConCount, ""), errors.New("connection refused")}, []error{answer(AccessDenied, ""), answer(BadDB, "")}},
	} {
		for _, err := range test.yes {
			if !test.is(err) {
				t.Errorf("%s: %v: got no", name, err)
			}
		}
		for _, err := range append(test.no, answer(DupEntry, "")) {
			if test.is(err) {
				t.Errorf("%s: %v: got yes", name, err)
			}
		}
		if name != "of the host" && test.is(context.Canceled) {
			t.Errorf("%s: got yes of an error that no server answered with", name)
		}
	}
	if UnlessExpired(answer(MustChangePassword, "")) != nil || UnlessExpired(answer(AccessDenied, "")) == nil {
		t.Error("an expired password is no error, and every other one is")
	}
}

// No error says both that the session ends and that it may, or that it is of data alone.
func TestEndsOfSessionsAreDisjoint(t *testing.T) {
	for number := range uint16(10000) {
		if EndsSession(number) && (MayEndSession(number) || IsOfData(number)) {
			t.Errorf("%d: contradictory", number)
		}
	}
}
