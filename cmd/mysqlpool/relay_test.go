package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// A relay stands before a server and changes what clients send, as a proxy might,
// or so that the server answers as another product would.
type relay struct {
	rewrite      func(c *relayed, query string) string // nil: as it is
	ignoresReset bool                                  // it answers COM_RESET_CONNECTION itself
}

// relayed is one connection through a relay.
type relayed struct {
	queries int // so far, this one included
	stmts   int // prepared and not closed
}

const (
	comQuery       = 0x03
	comStmtPrepare = 0x16
	comStmtClose   = 0x19
	comReset       = 0x1f
)

// to starts the relay before the server of a DSN over TCP, and
// returns the DSN through it. A connection with TLS passes as it is.
func (r relay) to(t *testing.T, dsn string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	server := cfg.Addr
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.serve(client, server) })
		}
	})
	cfg.Addr = l.Addr().String()
	return cfg.FormatDSN()
}

func (r relay) serve(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(client, server)
		client.Close()
	})
	defer back.Wait()
	defer server.Close()
	c := &relayed{}
	for head := make([]byte, 4); ; {
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if head[3] == 1 && len(body) == 32 { // it asks for TLS (MySQL Internals, "SSLRequest")
			server.Write(append(head, body...))
			io.Copy(server, client)
			return
		}
		if head[3] == 0 && len(body) > 0 { // a command; those of the login count on
			switch body[0] {
			case comQuery, comStmtPrepare:
				c.queries++
				if r.rewrite != nil {
					body = append(body[:1:1], r.rewrite(c, string(body[1:]))...)
				}
				if body[0] == comStmtPrepare {
					c.stmts++
				}
			case comStmtClose:
				c.stmts--
			case comReset:
				if r.ignoresReset {
					client.Write([]byte{7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0})
					continue
				}
			}
		}
		packet := append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), head[3]}, body...)
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// sharing is a proxy that hands each query to another connection; with pins, not
// while a prepared statement is kept.
func sharing(pins bool) relay {
	return relay{rewrite: func(c *relayed, query string) string {
		id := 1000 + c.queries
		if pins && c.stmts > 0 {
			id = 1000
		}
		return strings.Replace(query, "CONNECTION_ID()", strconv.Itoa(id), 1)
	}}
}

// variables has a MariaDB say these values of its variables.
func variables(values map[string]string) relay {
	var cases strings.Builder
	for name, value := range values {
		cases.WriteString(" WHEN '" + name + "' THEN '" + value + "'")
	}
	return relay{rewrite: func(_ *relayed, query string) string {
		for _, scope := range []string{"SESSION", "GLOBAL"} {
			if rest, ok := strings.CutPrefix(query, "SHOW "+scope+" VARIABLES"); ok {
				return "SELECT LOWER(VARIABLE_NAME) AS Variable_name, CASE LOWER(VARIABLE_NAME)" + cases.String() + " ELSE VARIABLE_VALUE END AS Value FROM information_schema." +
					scope + "_VARIABLES" + rest
			}
		}
		if version, ok := values["version"]; ok {
			query = strings.Replace(query, "VERSION()", "'"+version+"'", 1)
		}
		return query
	}}
}
