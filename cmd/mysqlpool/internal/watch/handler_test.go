package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
	_ "github.com/mysqlpool/mysqlpool/driver"
)

// served is a Watch behind a web server, without its samples and load.
func served(t *testing.T) (*Watch, *httptest.Server) {
	t.Helper()
	server, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Embedded}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	watched, err := target.Open(t.Context(), server.DSN, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watched.Stop)
	w := New([]*target.Server{watched}, server.DSN, t.Logf)
	web := httptest.NewServer(w.Handler("127.0.0.1"))
	t.Cleanup(web.Close)
	return w, web
}

func ask(t *testing.T, web *httptest.Server, method, path, host string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, web.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func TestHost(t *testing.T) {
	_, web := served(t)
	port := web.URL[strings.LastIndex(web.URL, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: http.StatusOK,
		"localhost" + port: http.StatusOK,
		"LocalHost" + port: http.StatusOK,
		"localhost:9":      http.StatusOK, // through a tunnel
		"localhost":        http.StatusOK,

		"example.org" + port:    http.StatusMisdirectedRequest,
		"localhost.example.org": http.StatusMisdirectedRequest,
		"127.0.0.1.example.org": http.StatusMisdirectedRequest,
		"127.0.0.2" + port:      http.StatusMisdirectedRequest,
		"192.0.2.1" + port:      http.StatusMisdirectedRequest,
		"[::1]" + port:          http.StatusMisdirectedRequest,
		"localhost@example.org": http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/", "/state", "/sides/mysql/request"} {
			if status, body, _ := ask(t, web, "GET", path, host); path != "/sides/mysql/request" && status != want ||
				want != http.StatusOK && status == http.StatusOK {
				t.Errorf("GET %s of host %q: status %d, want %d: %.80s", path, host, status, want, body)
			}
		}
	}
}

func TestMethodsAndOrigins(t *testing.T) {
	w, web := served(t)
	foreign := []string{"Origin", "http://example.org"}
	otherPort := []string{"Origin", "http://127.0.0.1:1"}
	crossSite := []string{"Sec-Fetch-Site", "cross-site"}
	ours := []string{"Origin", web.URL, "Sec-Fetch-Site", "same-origin"}
	for _, tt := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"GET", "/sides/mysql/request", nil, http.StatusMethodNotAllowed},
		{"GET", "/load?on=true&at=1&arguments=true", nil, http.StatusMethodNotAllowed},
		{"POST", "/state", nil, http.StatusMethodNotAllowed},
		{"POST", "/", nil, http.StatusMethodNotAllowed},
		{"POST", "/sides/mysql/request", foreign, http.StatusForbidden},
		{"POST", "/sides/mysql/request", otherPort, http.StatusForbidden},
		{"POST", "/sides/mysql/request", crossSite, http.StatusForbidden},
		{"POST", "/load?on=true&at=1&arguments=true", foreign, http.StatusForbidden},
		{"POST", "/sides/other/request", ours, http.StatusNotFound},
		{"POST", "/load?on=up&at=1&arguments=true", ours, http.StatusBadRequest},
		{"POST", "/load?on=true&at=33&arguments=true", ours, http.StatusBadRequest},
		{"POST", "/load?on=true&at=1", ours, http.StatusBadRequest},
		{"GET", "/other", nil, http.StatusNotFound},
		{"GET", "/state?after=now", nil, http.StatusBadRequest},
	} {
		if status, body, _ := ask(t, web, tt.method, tt.path, "", tt.header...); status != tt.want {
			t.Errorf("%s %s with %q: status %d, want %d: %s", tt.method, tt.path, tt.header, status, tt.want, body)
		}
	}
	for i, s := range w.sides {
		if c := s.count(); c.Served+c.Failed > 0 {
			t.Errorf("what was refused was done all the same on side %d: %+v", i, c)
		}
	}
	if now, _ := w.load.get(); now != (Load{AtATime: 1}) {
		t.Errorf("what was refused was done all the same: %+v", now)
	}
	for _, want := range []Load{{true, 32, true}, {false, 8, false}} {
		path := fmt.Sprintf("/load?on=%v&at=%d&arguments=%v", want.On, want.AtATime, want.Arguments)
		if status, body, _ := ask(t, web, "POST", path, "", ours...); status != http.StatusNoContent {
			t.Errorf("%s: status %d: %s", path, status, body)
		}
		if now, _ := w.load.get(); now != want {
			t.Errorf("after %s it is %+v", path, now)
		}
	}
	if status, body, _ := ask(t, web, "POST", "/sides/mysql/request", "", ours...); status != http.StatusOK {
		t.Errorf("a press of the page's own button: status %d: %s", status, body)
	}
}

func TestPage(t *testing.T) {
	_, web := served(t)
	status, body, header := ask(t, web, "GET", "/", "")
	if status != http.StatusOK || header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("status %d, type %q", status, header.Get("Content-Type"))
	}
	for _, want := range []string{"var uPlot=", "Leon Sorokin", "prefers-color-scheme", "makeSide"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, tag := range []string{"<link rel=\"stylesheet\"", "<script src", "@import", "url("} {
		if strings.Contains(body, tag) {
			t.Errorf("the page needs another file: it has %q", tag)
		}
	}
	if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

func TestState(t *testing.T) {
	w, web := served(t)
	var ids [2][]int64
	for range 3 {
		for i, driver := range Drivers {
			status, body, _ := ask(t, web, "POST", "/sides/"+driver+"/request", "")
			var r request
			if err := json.Unmarshal([]byte(body), &r); err != nil || status != http.StatusOK || r.Error != "" {
				t.Fatalf("a request through %s: status %d, %v: %s", driver, status, err, body)
			}
			ids[i] = append(ids[i], r.ID)
		}
	}
	if !slices.IsSorted(ids[left]) || ids[left][0] == ids[left][2] || ids[right][0] != ids[right][2] {
		t.Errorf("ids %d: want those on the left to climb, and one on the right", ids)
	}
	w.samples = []sample{{Time: 1000}, {Time: 2000}}
	_, body, _ := ask(t, web, "GET", "/state?after=1000", "")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"": "headline hosts load others samples server sides takenBack warnings", "server": "name since up", "takenBack": "closed reset undone",
		"headline": "logins median times", "load": "arguments atATime on",
		"sides":   "connections driver failed logins requests served",
		"samples": "connections hits logins median misses p99 pinned pinnedBy serverLogins t wait",
	} {
		value := any(got)
		if key != "" {
			value = got[key]
		}
		if list, ok := value.([]any); ok {
			value = list[len(list)-1]
		}
		var keys []string
		for k := range value.(map[string]any) {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if strings.Join(keys, " ") != want {
			t.Errorf("%q has %q, want %q", key, keys, want)
		}
	}
	if n := len(got["samples"].([]any)); n != 1 {
		t.Errorf("%d samples after the first of two", n)
	}
	s := w.state(0)
	if c := s.Sides[right].Connections; len(c) != 1 || c[0].ID != ids[right][0] {
		t.Errorf("connections on the right: got %+v, want %d", c, ids[right][0])
	}
	if len(s.Others) == 0 || !slices.ContainsFunc(s.Others, func(c conn) bool { return c.Own }) {
		t.Errorf("others: got %+v, want our own among them", s.Others)
	}
	if c := s.Sides[left].counts; c != (counts{Served: 3, Logins: 3}) {
		t.Errorf("counts on the left: %+v", c)
	}
}

// A button that is held down cannot fill the server.
func TestBusy(t *testing.T) {
	w, web := served(t)
	for range atOnce {
		w.sides[left].slots <- struct{}{}
	}
	if status, body, _ := ask(t, web, "POST", "/sides/mysql/request", ""); status != http.StatusTooManyRequests {
		t.Errorf("status %d: %s", status, body)
	}
}
