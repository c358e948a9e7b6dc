package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// ratios are rounds in which mysql_pool was that many times as fast.
func ratios(all ...float64) (pairs []pair) {
	for _, ratio := range all {
		pairs = append(pairs, pair{Stock: 100, Pool: 100 * ratio, ByHand: 300})
	}
	return pairs
}

// A median of rounds that have nothing in common is printed nowhere.
func TestBenchNoise(t *testing.T) {
	r := newReport(&target.Server{Name: "a server"}, 5, 200*time.Millisecond)
	r.transport("TCP", time.Millisecond)
	steady, noisy := workloads[0], workloads[1]
	r.add(steady, "TCP", ratios(2.9, 3.0, 3.1, 3.2, 3.3), nil)
	r.add(noisy, "TCP", ratios(0.12, 0.5, 1.73, 2.6, 3.9), nil)
	var table bytes.Buffer
	r.table(&table)
	json, err := r.json()
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{table.String(), r.html()} {
		for _, want := range []string{"3.1 (3.0-3.2)", "noisy 0.50-2.6", "too noisy for 1 of 2 results", "--rounds=11 --round-time=1s"} {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
		if strings.Contains(out, "1.7") {
			t.Errorf("the median of noise is in:\n%s", out)
		}
	}
	for line := range strings.Lines(table.String()) {
		if len(line) > columns+1 {
			t.Errorf("wider than %d columns: %q", columns, line)
		}
	}
	if n := strings.Count(string(json), `"noisy": true`); n != 1 {
		t.Errorf("%d results are noisy in the JSON, want 1", n)
	}
	svg := r.plot()
	if dots := strings.Count(svg, "<circle"); dots != 2 || strings.Count(svg, `class="noisy"`) != 2 {
		t.Errorf("%d dots, want 2: one median, and the legend:\n%s", dots, svg)
	}

	quiet := newReport(&target.Server{Name: "a server"}, 5, 200*time.Millisecond)
	quiet.transport("TCP", time.Millisecond)
	quiet.add(steady, "TCP", ratios(2.9, 3.0, 3.1, 3.2, 3.3), nil)
	if out := quiet.html() + quiet.plot(); quiet.noise() != "" || strings.Contains(out, "too noisy for") {
		t.Errorf("without noise it speaks of it: %s", out)
	}
}

func TestNoisy(t *testing.T) {
	for _, tt := range []struct {
		s    spread
		want bool
	}{{spread{1, 1, 1}, false}, {spread{3, 2, 3.9}, false}, {spread{3, 2, 4}, true}, {spread{1, 0, 1}, true}, {spread{0, 0, 0}, true}} {
		if tt.s.noisy() != tt.want {
			t.Errorf("%+v: want noisy %v", tt.s, tt.want)
		}
	}
}

// Each round has connections of its own, whose luck with processors is not that of
// the others.
func TestBenchLogsInForEachRound(t *testing.T) {
	server := oneServer(t)
	before, err := server.Logins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := runQuick(t, "bench", "--rounds=5", "--round-time=1ms", "--workload=insert-interpolated", "--dsn="+server.DSN)
	if status != 0 {
		t.Fatal(stderr)
	}
	after, err := server.Logins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := int64(15) // 5 rounds on each driver, and 5 by hand
	if strings.Contains(stdout, " TLS ") {
		want *= 2
	}
	if n := after - before; n < want {
		t.Errorf("%d logins, want %d or more", n, want)
	}
}

// A server that falls silent ends it within --timeout.
func TestBenchOnServerThatFallsSilent(t *testing.T) {
	for _, workload := range []string{"pooled-query", "open-query-close", "pooled-query-32"} {
		server := oneServer(t)
		gate := gateTo(t, server)
		silenced := make(chan time.Time, 1)
		go func() {
			silenced <- silenceOnceBusy(t, server.DSN, gate.Silence)
		}()
		status, _, stderr := runQuick(t, "bench", "--timeout=2s", "--round-time=1m", "--workload="+workload, "--dsn="+gate.DSN)
		took := time.Since(<-silenced)
		if status != exitFailed || !strings.Contains(stderr, "no answer within 2s (--timeout)") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit status %d: %s", workload, status, stderr)
		}
		if took > 10*time.Second {
			t.Errorf("%s: it took %v after the last answer", workload, took)
		}
	}
}

// silenceOnceBusy waits until bench measures, and silences its server.
func silenceOnceBusy(t *testing.T, dsn string, silence func() error) time.Time {
	s, err := target.Open(t.Context(), dsn, time.Minute)
	if err != nil {
		t.Error(err)
		return time.Now()
	}
	defer s.Stop()
	// The table is full before anything is measured.
	query := fmt.Sprintf("SELECT COUNT(*) FROM %s", benchTable)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		var n int
		ask, cancel := context.WithTimeout(t.Context(), time.Second)
		err := s.Monitor().QueryRowContext(ask, query).Scan(&n)
		cancel()
		if err == nil && n >= benchRows || errors.Is(err, context.DeadlineExceeded) { // so busy that nobody else has an answer
			break
		}
	}
	if err := silence(); err != nil {
		t.Error(err)
	}
	return time.Now()
}
