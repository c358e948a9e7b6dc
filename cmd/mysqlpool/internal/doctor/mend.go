package doctor

import "fmt"

// Mend is how a server variable is set to another value, in three ways.
type Mend struct {
	Variable  string `json:"variable"`
	Value     string `json:"value"`
	SetGlobal string `json:"set_global,omitempty"` // now, until the server restarts; "" if it cannot be set so
	MyCnf     string `json:"my_cnf"`               // for good
	Flag      string `json:"flag"`                 // of the server's command line
}

// setTo returns the three ways. The value is as SQL has it.
func setTo(variable, value string) *Mend {
	bare := value
	if value == "''" {
		bare = ""
	}
	return &Mend{
		Variable: variable, Value: bare,
		SetGlobal: fmt.Sprintf("SET GLOBAL %s = %s;", variable, value),
		MyCnf:     fmt.Sprintf("[mysqld]\n%s = %s", variable, bare),
		Flag:      fmt.Sprintf("--%s=%s", variable, bare),
	}
}
