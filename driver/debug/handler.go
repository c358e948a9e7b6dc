// Package debug shows the pools of a process over HTTP, as net/http/pprof shows its
// goroutines:
//
//	import mysqldebug "github.com/mysqlpool/mysqlpool/driver/debug"
//
//	http.Handle("/debug/mysqlpool", mysqldebug.Handler())
//
// It is a package of its own, since it needs net/http and html/template, which
// programs that do not use it need not have. It has no other dependencies, and
// importing it registers nothing.
package debug

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// A Report is what is shown, and what the JSON has. Field names are those of the
// types in package mysqlpool; durations are in nanoseconds.
type Report struct {
	Time    time.Time // when it was read
	Pools   []mysqlpool.PoolStats
	Servers []mysqlpool.ServerStats
	Leaks   []mysqlpool.Leak // connections that are held for longer than pool_leak_after
}

// Handler returns a handler that shows every pool of the process: a page, or JSON
// if the query has format=json or the client accepts JSON and no HTML. It asks no
// server, and takes each pool's lock for a moment.
//
// What it shows has no password, no statement and no argument, but user names,
// addresses, and the stacks of whoever holds connections for longer than
// pool_leak_after. Protect it as you protect net/http/pprof.
func Handler() http.Handler {
	return handler(func() Report {
		return Report{time.Now(), mysqlpool.Stats(), mysqlpool.Servers(), mysqlpool.Leaks()}
	})
}

// handler shows what it is told; tests tell it what they like.
type handler func() Report

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "mysqlpool: this page can only be read: use GET", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Vary", "Accept")
	format := r.URL.Query().Get("format")
	if format == "" {
		format = accepted(r.Header.Get("Accept"))
	}
	var body bytes.Buffer
	var err error
	switch format {
	case "json":
		w.Header().Set("Content-Type", "application/json")
		out := json.NewEncoder(&body)
		out.SetIndent("", "  ")
		err = out.Encode(h())
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		err = pageTemplate.Execute(&body, h())
	default:
		http.Error(w, "mysqlpool: format must be html or json", http.StatusBadRequest)
		return
	}
	if err != nil {
		http.Error(w, "mysqlpool: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(body.Bytes()) // if the client is gone, nobody needs to know
}

// accepted is the format for an Accept header: a browser's has text/html.
func accepted(accept string) string {
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		return "json"
	}
	return "html"
}

//go:embed page.css
var css string

// policy lets the page have its style, and nothing else.
var policy = func() string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}()
