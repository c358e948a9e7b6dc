package stockdriver

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// versions is what is not found in each version of the stock driver that the suite runs
// with (make test-stock). docs/stockdriver.md says what is lost by it.
var versions = map[string][]string{
	"v1.9.3":  {"columns"},
	"v1.10.0": nil,
	"v1.10.1": nil,
}

// stockVersion is that of the stock driver that go builds with here, by the flags in its
// environment. A test binary does not say.
func stockVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "github.com/go-sql-driver/mysql").Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("needs the go command, to know the version of the stock driver")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestVersions(t *testing.T) {
	if !knowsInsides {
		t.Skip("nothing is to be found with the tag stockunknown")
	}
	missing := unknownOf(t)
	version := stockVersion(t)
	want, listed := versions[version]
	if !listed {
		t.Fatalf("the suite was not run with %s of the stock driver, in which this is not found: %q; run it, and add the version here, in the Makefile and in docs/stockdriver.md", version, missing)
	}
	if !slices.Equal(missing, want) {
		t.Errorf("%s: %q is not found, want %q", version, missing, want)
	}
}

// The documentation and the Makefile name each version, and the documentation what it
// lacks.
func TestVersionsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/stockdriver.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(docs)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			rows[strings.TrimSpace(cells[1])] = cells[2] + cells[3]
		}
	}
	for version, lacks := range versions {
		number := strings.TrimPrefix(version, "v")
		row, ok := rows[number]
		if !ok {
			t.Errorf("docs/stockdriver.md has no row for %s", number)
		}
		for _, part := range lacks {
			if !strings.Contains(row, part) {
				t.Errorf("docs/stockdriver.md, %s: %q is not found there, and the row does not say so", number, part)
			}
		}
		if !strings.Contains(string(makefile), number) {
			t.Errorf("the Makefile does not test %s", number)
		}
	}
}

// unknownOf is what this package does not find in the stock driver, by name, in order.
func unknownOf(t *testing.T) (missing []string) {
	t.Helper()
	see := func(name string, found bool) {
		if !found {
			missing = append(missing, name)
		}
	}
	cfg, err := mysql.ParseDSN("app@tcp(fake)/app?charset=utf8mb4,latin1&timeTruncate=1ms")
	if err != nil {
		t.Fatal(err)
	}
	charsets, known := Charsets(cfg)
	see("charsets", known && slices.Equal(charsets, []string{"utf8mb4", "latin1"}))
	see("timeTruncate", TimeTruncate(cfg) == time.Millisecond)
	plain := !MayChange(cfg)
	cfg.Apply(mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil }))
	see("beforeConnect", plain && MayChange(cfg))

	cfg = mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.MaxAllowedPacket = "app", "tcp", "fake", 1<<20
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serveOneColumn(server)
		return client, nil
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	stock, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	c := ConnOf(stock)
	see("socket", c.Socket != nil)
	see("status", StatusOf(stock).Known() && StatusOf(stock).Flags() == StatusAutocommit)
	see("config", c.Config != nil && c.Config.User == "app")
	see("maxAllowedPacket", c.MaxPacket == 1<<20)
	see("canceled", c.canceled != nil && !c.Cancelled())

	stmt, err := stock.Prepare("SELECT ?")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(t.Context(), []driver.NamedValue{{Ordinal: 1, Value: int64(1)}})
	if err != nil {
		t.Fatal(err)
	}
	see("columns", ColumnsOf(stmt).Len() == 1)
	open := !RowsEnded(rows)
	for rows.Next(make([]driver.Value, 1)) == nil {
	}
	see("rows", open && RowsEnded(rows))
	return missing
}

// serveOneColumn is a server that lets everybody in and answers a prepared statement of
// one parameter with one column and no rows (MySQL source code documentation, "Client/Server
// Protocol").
func serveOneColumn(c net.Conn) {
	defer c.Close()
	const (
		greeting = "\x0a8.0.0\x00\x01\x00\x00\x0012345678\x00\xff\xf7\x2d\x02\x00\xff\xc0\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00123456789012\x00mysql_native_password\x00"
		okay     = "\x00\x00\x00\x02\x00\x00\x00"
		eof      = "\xfe\x00\x00\x02\x00"
		column   = "\x03def\x00\x00\x00\x01a\x00\x0c\x3f\x00\x0b\x00\x00\x00\x08\x00\x00\x00\x00\x00"
	)
	say := func(seq byte, payloads ...string) {
		for _, p := range payloads {
			io.WriteString(c, string([]byte{byte(len(p)), byte(len(p) >> 8), 0, seq})+p)
			seq++
		}
	}
	r := bufio.NewReader(c)
	hear := func() (payload []byte) {
		var header [4]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return nil
		}
		payload = make([]byte, int(header[0])|int(header[1])<<8)
		io.ReadFull(r, payload)
		return payload
	}
	say(0, greeting)
	hear()
	say(2, okay)
	for {
		switch command := hear(); {
		case len(command) == 0 || command[0] == 0x01: // gone, or COM_QUIT
			return
		case command[0] == 0x19: // COM_STMT_CLOSE has no answer
		case command[0] == 0x16: // COM_STMT_PREPARE: statement 1, one column, one parameter
			say(1, "\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", column, eof, column, eof)
		case command[0] == 0x17: // COM_STMT_EXECUTE
			say(1, "\x01", column, eof, eof)
		default:
			say(1, okay)
		}
	}
}

// timeTruncate is known whatever the field is called.
func TestTimeTruncate(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"app:a?timeTruncate=1s@tcp(fake)/a%3Fb?timeTruncate=1500us": 1500 * time.Microsecond, "app@tcp(fake)/?parseTime=true": 0, "app@tcp(fake)/": 0,
	} {
		cfg, err := mysql.ParseDSN(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := TimeTruncate(cfg); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
