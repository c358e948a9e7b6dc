package chaos

import (
	"encoding/csv"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// samples is what was counted, at what times since the start.
type samples struct {
	at     []time.Duration
	series []*series
}

// A series is one quantity at all these times.
type series struct {
	name   string
	read   func(k *soak) (float64, error)
	slack  float64 // how much more it may be at the end than before
	values []float64
}

// newSeries returns what a soak counts, empty.
func newSeries() []*series {
	return []*series{
		{name: "heap after a collection, MiB", slack: 3, read: func(*soak) (float64, error) {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc) / (1 << 20), nil
		}},
		{name: "goroutines", slack: 30, read: func(*soak) (float64, error) { return float64(runtime.NumGoroutine()), nil }},
		{name: "file descriptors", slack: 20, read: func(*soak) (float64, error) {
			files, err := os.ReadDir("/proc/self/fd")
			return float64(len(files)), err
		}},
		{name: "pools", slack: 8, read: func(*soak) (float64, error) { return float64(len(mysqlpool.Stats())), nil }},
		{name: "connections on the server", slack: 15, read: status("Threads_connected")},
		{name: "statements on the server", slack: 100, read: status("Prepared_stmt_count")},
	}
}

func status(variable string) func(*soak) (float64, error) {
	return func(k *soak) (n float64, err error) {
		err = k.server.Monitor().QueryRow("SHOW GLOBAL STATUS LIKE '"+variable+"'").Scan(new(string), &n)
		return n, err
	}
}

// sample counts each second, or eighty times if that is more often.
func (k *soak) sample(t *testing.T, long time.Duration) *samples {
	t.Helper()
	s := &samples{series: newSeries()}
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		s.series = slices.DeleteFunc(s.series, func(x *series) bool { return x.name == "file descriptors" })
	}
	tick := time.NewTicker(min(time.Second, long/80))
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < long; <-tick.C {
		s.at = append(s.at, time.Since(began))
		for _, x := range s.series {
			v, err := x.read(k)
			if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			x.values = append(x.values, v)
		}
	}
	return s
}

// quarter is the median of the nth quarter of the time, from 0.
func (x *series) quarter(n int) float64 {
	part := slices.Sorted(slices.Values(x.values[n*len(x.values)/4 : (n+1)*len(x.values)/4]))
	return part[len(part)/2]
}

func (x *series) String() string {
	return fmt.Sprintf("%s: %.4g, %.4g, %.4g, %.4g (medians of the quarters), at most %.4g", x.name,
		x.quarter(0), x.quarter(1), x.quarter(2), x.quarter(3), slices.Max(x.values))
}

// flat returns an error if the last quarter's median is much above the second's.
// In the first quarter things come up that stay.
func (x *series) flat() error {
	if before, end := x.quarter(1), x.quarter(3); end > before*1.25+x.slack {
		return fmt.Errorf("%s: %.4g at the end, %.4g before: it grows", x.name, end, before)
	}
	return nil
}

func (s *samples) writeCSV(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	row := []string{"seconds"}
	for _, x := range s.series {
		row = append(row, x.name)
	}
	w.Write(row)
	for n, at := range s.at {
		row := []string{strconv.FormatFloat(at.Seconds(), 'f', 1, 64)}
		for _, x := range s.series {
			row = append(row, strconv.FormatFloat(x.values[n], 'f', -1, 64))
		}
		w.Write(row)
	}
	w.Flush()
	return w.Error()
}

func TestFlat(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   func(n int) float64
		flat bool
	}{
		{"constant", func(int) float64 { return 100 }, true},
		{"noise", func(n int) float64 { return 100 + float64(n*7919%50) }, true},
		{"warms up", func(n int) float64 { return min(float64(10*n), 100) }, true},
		{"one peak", func(n int) float64 { return 100 + float64(n/79*10000) }, true},
		{"grows", func(n int) float64 { return 100 + float64(n) }, false},
		{"grows late", func(n int) float64 { return 100 + float64(max(0, n-50)*4) }, false},
	} {
		x := &series{name: tt.name, slack: 5}
		for n := range 80 {
			x.values = append(x.values, tt.at(n))
		}
		if err := x.flat(); (err == nil) != tt.flat {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}
