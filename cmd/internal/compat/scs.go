package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2"
)

var scsLibrary = library{
	name: "scs, mysqlstore", module: "github.com/alexedwards/scs/mysqlstore",
	checked: "a web server's sessions: values, renewed tokens, logout, 40 requests at once, expiry, the clean-up in the background",
	program: scsProgram,
}

func scsProgram(r *run) {
	gob.Register(time.Time{}) // as scs asks for what is put into a session
	db := r.open()
	_, err := db.ExecContext(r.ctx, "CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)")
	r.must(err)
	store := mysqlstore.NewWithCleanupInterval(db, 5*time.Millisecond)
	r.later(store.StopCleanup)

	manager := scs.New()
	manager.Store = store
	mux := http.NewServeMux()
	mux.HandleFunc("/visit", func(w http.ResponseWriter, req *http.Request) {
		n := manager.GetInt(req.Context(), "visits") + 1
		manager.Put(req.Context(), "visits", n)
		manager.Put(req.Context(), "huge", fmt.Sprint(hugest))
		manager.Put(req.Context(), "seen", moment.UTC())
		fmt.Fprintf(w, "visit %d, %v", n, manager.GetTime(req.Context(), "seen"))
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, req *http.Request) {
		before := manager.Token(req.Context())
		err := manager.RenewToken(req.Context())
		fmt.Fprint(w, "another token: ", manager.Token(req.Context()) != before, err)
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, "bye ", manager.PopString(req.Context(), "huge"), manager.Destroy(req.Context()))
	})
	server := httptest.NewServer(manager.LoadAndSave(mux))
	r.later(server.Close)

	var failures atomic.Int64
	visit := func(c *http.Client, path string) string {
		res, err := c.Get(server.URL + path)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			failures.Add(1)
		}
		body, err := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", string(body), err)
	}
	newClient := func() *http.Client {
		jar, err := cookiejar.New(nil)
		r.must(err)
		return &http.Client{Jar: jar, Transport: server.Client().Transport}
	}
	client := newClient()
	for _, path := range []string{"/visit", "/visit", "/login", "/visit", "/logout", "/visit"} {
		r.note(path, visit(client, path))
	}
	answers := make(chan string)
	for range 40 {
		c := newClient()
		go func() { answers <- visit(c, "/visit") + visit(c, "/visit") }()
	}
	var all []string
	for range 40 {
		all = append(all, <-answers)
	}
	slices.Sort(all)
	r.note("at once", all)
	if n := failures.Load(); n > 0 {
		r.must(fmt.Errorf("%d requests failed", n))
	}
	var n int
	r.must(db.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM sessions").Scan(&n))
	r.note("sessions", n)

	data := []byte{0, 255, '\'', '\\'}
	r.must(store.Commit("token", data, time.Now().Add(100*time.Hour)))
	got, found, err := store.Find("token")
	r.note("find", bytes.Equal(got, data), found, err)
	r.must(store.Commit("token", []byte("2"), time.Now().Add(100*time.Hour)))
	got, found, err = store.Find("token")
	r.note("find again", got, found, err)
	everything, err := store.All()
	r.note("all", len(everything), err)
	r.must(store.Delete("token"))
	_, found, err = store.Find("token")
	r.note("deleted", found, err)
	r.must(store.Commit("old", data, time.Now().Add(-100*time.Hour)))
	_, found, err = store.Find("old")
	r.note("expired", found, err)
	r.eventually("expired sessions are cleaned up", func() bool {
		r.must(db.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM sessions WHERE token = 'old'").Scan(&n))
		return n == 0
	})
}
