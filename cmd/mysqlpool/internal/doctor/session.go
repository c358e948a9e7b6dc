package doctor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// session is the one connection with which a host is examined.
type session struct {
	cfg     *mysql.Config
	timeout time.Duration // of each answer
	tls     Certificate
	db      *sql.DB
	conn    *sql.Conn
	dialed  net.Conn // under conn
}

// logIn logs in to one host over the stock driver.
func logIn(ctx context.Context, cfg *mysql.Config, timeout time.Duration) (*session, error) {
	s := &session{cfg: cfg, timeout: timeout}
	// Meanwhile: of a server that says nothing the time-out is met once.
	inspected := make(chan struct{})
	go func() {
		defer close(inspected)
		if cfg.Net != "tcp" {
			return
		}
		within(ctx, min(timeout, inspectTime), func(ctx context.Context) error {
			s.tls = inspect(ctx, cfg)
			return nil
		})
	}()
	own := cfg.Clone()
	own.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		s.dialed = c
		return c, err
	}
	connector, err := mysql.NewConnector(own)
	if err != nil {
		<-inspected
		return nil, err
	}
	s.db = sql.OpenDB(connector)
	err = within(ctx, timeout, func(ctx context.Context) (err error) {
		s.conn, err = s.db.Conn(ctx)
		return err
	})
	<-inspected
	if err != nil {
		s.db.Close()
		if why := s.tls.refusal(cfg); why != "" {
			err = fmt.Errorf("%w (%s)", err, why)
		}
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	s.conn.Close()
	s.db.Close()
}

// within runs f with a time limit, and says so if that was what ended it.
func within(ctx context.Context, timeout time.Duration, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := f(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("no answer within %v (--timeout)", timeout)
	}
	return err
}

// pairs is the answer to SHOW VARIABLES or SHOW STATUS, names in lower case;
// nothing of a server that refuses it.
func (s *session) pairs(ctx context.Context, query string) (map[string]string, error) {
	all := map[string]string{}
	rows, err := s.rows(ctx, query)
	for _, row := range rows {
		if len(row) >= 2 {
			all[strings.ToLower(row[0])] = row[1]
		}
	}
	return all, err
}

// row is the first row of an answer, as text; nil of a server that refuses it, or
// has none.
func (s *session) row(ctx context.Context, query string) ([]string, error) {
	rows, err := s.rows(ctx, query)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// rows is an answer as text, NULL as nothing. An error that the server answers
// with is no answer; any other is returned.
func (s *session) rows(ctx context.Context, query string) (all [][]string, err error) {
	err = within(ctx, s.timeout, func(ctx context.Context) error {
		rows, err := s.conn.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		for rows.Next() {
			texts, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range texts {
				into[i] = &texts[i]
			}
			if err := rows.Scan(into...); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
			row := make([]string, len(names))
			for i, t := range texts {
				row[i] = t.String
			}
			all = append(all, row)
		}
		return rows.Err()
	})
	if isAnswer(err) {
		return nil, nil
	}
	return all, err
}

// isAnswer reports whether the server answered, with an error.
func isAnswer(err error) bool {
	var answer *mysql.MySQLError
	return errors.As(err, &answer)
}

// Spread is a median, and between what the middle half of the samples lie.
type Spread struct {
	Median  float64 `json:"median_ms"`
	Low     float64 `json:"lower_quartile_ms"`
	High    float64 `json:"upper_quartile_ms"`
	Samples int     `json:"samples"`
}

func spreadOf(samples []time.Duration) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	slices.Sort(samples)
	at := func(part float64) float64 {
		return float64(samples[int(part*float64(len(samples)-1)+0.5)]) / float64(time.Millisecond)
	}
	return Spread{at(.5), at(.25), at(.75), len(samples)}
}

const (
	pings      = 101
	logins     = 7
	pingsFor   = 2 * time.Second // fewer of a server far away
	fewestOf   = 5
	identities = 8

	inspectTime = 3 * time.Second
)

// measure times round trips and logins.
func (s *session) measure(ctx context.Context) (roundTrip, login Spread, err error) {
	var trips []time.Duration
	err = s.conn.Raw(func(dc any) error {
		for start := time.Now(); len(trips) < pings && (len(trips) < fewestOf || time.Since(start) < pingsFor); {
			began := time.Now()
			if err := within(ctx, s.timeout, dc.(driver.Pinger).Ping); err != nil {
				return err
			}
			trips = append(trips, time.Since(began))
		}
		return nil
	})
	if err != nil {
		return roundTrip, login, err
	}
	roundTrip = spreadOf(trips)
	connector, err := mysql.NewConnector(s.cfg)
	if err != nil {
		return roundTrip, login, err
	}
	var took []time.Duration
	for range logins {
		began := time.Now()
		err := within(ctx, s.timeout, func(ctx context.Context) error {
			c, err := connector.Connect(ctx)
			if err != nil {
				return err
			}
			took = append(took, time.Since(began))
			return c.Close()
		})
		if err != nil && !isAnswer(err) { // full, say: that shows elsewhere
			return roundTrip, login, err
		}
	}
	return roundTrip, spreadOf(took), nil
}

// compresses reports whether the DSN asks for compression, which the stock
// driver's config does not show.
func (s *session) compresses() bool {
	_, params, _ := strings.Cut(s.cfg.FormatDSN(), "?")
	return strings.Contains("&"+params, "&compress=true")
}
