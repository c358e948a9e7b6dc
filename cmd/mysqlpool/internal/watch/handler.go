package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Handler serves the page and what it asks for. listen is the host that the
// user said to listen on; requests for another are refused.
func (w *Watch) Handler(listen string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", servePage)
	mux.HandleFunc("GET /state", w.serveState)
	mux.HandleFunc("POST /sides/{side}/request", w.serveRequest)
	mux.HandleFunc("POST /load", w.serveLoad)
	// A form on another site must not press our buttons.
	sameOrigin := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !hostIsOurs(r, listen) {
			http.Error(rw, fmt.Sprintf("host: got %q, want the address that mysqlpool watch printed", r.Host), http.StatusMisdirectedRequest)
			return
		}
		sameOrigin.ServeHTTP(rw, r)
	})
}

// hostIsOurs keeps out a site whose name was made to mean our address (DNS
// rebinding): its requests have its name in them. The port may differ, as it
// does through a tunnel.
func hostIsOurs(r *http.Request, listen string) bool {
	host := (&url.URL{Host: r.Host}).Hostname()
	if host == "" {
		return false
	}
	if strings.EqualFold(host, listen) {
		return true
	}
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return addr.IP.IsLoopback()
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.Equal(addr.IP)
}

func (w *Watch) serveState(rw http.ResponseWriter, r *http.Request) {
	var then int64
	if after := r.FormValue("after"); after != "" {
		var err error
		if then, err = strconv.ParseInt(after, 10, 64); err != nil {
			http.Error(rw, fmt.Sprintf("after: got %q, want Unix milliseconds", after), http.StatusBadRequest)
			return
		}
	}
	writeJSON(rw, w.state(then))
}

// serveRequest makes one request and tells how it went.
func (w *Watch) serveRequest(rw http.ResponseWriter, r *http.Request) {
	s := w.side(rw, r)
	if s == nil {
		return
	}
	now, _ := w.load.get()
	made, err := s.request(r.Context(), asking{arguments: now.Arguments})
	if err != nil {
		http.Error(rw, err.Error(), http.StatusTooManyRequests)
		return
	}
	w.look(r.Context()) // what the page asks for next shows what this did
	writeJSON(rw, made)
}

// serveLoad takes the page's switch: on, at (a time) and arguments.
func (w *Watch) serveLoad(rw http.ResponseWriter, r *http.Request) {
	on, errOn := strconv.ParseBool(r.FormValue("on"))
	arguments, errArguments := strconv.ParseBool(r.FormValue("arguments"))
	at, errAt := strconv.Atoi(r.FormValue("at"))
	if errors.Join(errOn, errArguments, errAt) != nil || !slices.Contains(atATime, at) {
		http.Error(rw, fmt.Sprintf("load: got %q, want on=true or false, arguments=true or false, and at as one of %d", r.URL.RawQuery, atATime), http.StatusBadRequest)
		return
	}
	w.load.set(Load{On: on, AtATime: at, Arguments: arguments})
	rw.WriteHeader(http.StatusNoContent)
}

func (w *Watch) side(rw http.ResponseWriter, r *http.Request) *side {
	name := r.PathValue("side")
	i := slices.Index(Drivers[:], name)
	if i < 0 {
		http.Error(rw, fmt.Sprintf("side: got %q, want one of %q", name, Drivers), http.StatusNotFound)
		return nil
	}
	return w.sides[i]
}

func writeJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(v) // fails when the browser is gone, which it need not be told
}
