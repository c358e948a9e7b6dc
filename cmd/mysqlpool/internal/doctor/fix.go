package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// Fix is one way to end what a finding says. Which of its fields are there
// depends on its kind.
type Fix struct {
	Kind FixKind `json:"kind"`

	// Of a server variable, in three ways.
	Variable  string `json:"variable,omitempty"`
	Value     string `json:"value,omitempty"`
	SetGlobal string `json:"set_global,omitempty"` // now, until the server restarts
	MyCnf     string `json:"my_cnf,omitempty"`     // for good
	Flag      string `json:"flag,omitempty"`       // of the server's command line

	// Of a parameter of the DSN, which replaces the one of that name.
	Parameter string `json:"dsn_parameter,omitempty"` // as in @pool_size=20

	// Of a statement that an administrator runs.
	Statement string `json:"statement,omitempty"`
}

// FixKind says what is changed.
type FixKind string

const (
	ServerVariable FixKind = "server_variable"
	DSNParameter   FixKind = "dsn_parameter"
	Statement      FixKind = "statement"
)

// setTo sets a server variable. The value is as SQL has it.
func setTo(variable, value string) Fix {
	bare := value
	if value == "''" {
		bare = ""
	}
	return Fix{
		Kind: ServerVariable, Variable: variable, Value: bare,
		SetGlobal: fmt.Sprintf("SET GLOBAL %s = %s;", variable, value),
		MyCnf:     strings.TrimRight(fmt.Sprintf("[mysqld]\n%s = %s", variable, bare), " "),
		Flag:      fmt.Sprintf("--%s=%s", variable, bare),
	}
}

func setToNumber(variable string, n int64) Fix { return setTo(variable, strconv.FormatInt(n, 10)) }

// option sets an option of the pool, as both drivers take it.
func option(name string, n int) Fix {
	return Fix{Kind: DSNParameter, Parameter: fmt.Sprintf("@%s=%d", name, n)}
}

func parameter(text string) Fix { return Fix{Kind: DSNParameter, Parameter: text} }

func statement(text string) Fix { return Fix{Kind: Statement, Statement: text} }
