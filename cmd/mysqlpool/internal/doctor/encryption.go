package doctor

import (
	"fmt"
	"math"
	"time"
)

const (
	// A certificate that ends that soon is to be renewed now.
	certificateSoon = 30 * 24 * time.Hour
	// Clocks that differ by more, in seconds, confuse whoever compares times.
	clockTolerance = 5.0
)

func (e *examined) encryption() Finding {
	f := Finding{Name: "TLS", Level: OK, Value: e.TLSVersion}
	c := &e.Certificate
	if e.TLSVersion == "" {
		f.Value, f.Short = "none", "it does not leave this machine"
		if e.Local {
			return f
		}
		f.Level, f.Short = Hint, "the connection can be listened to"
		f.Text = "What you ask and what you are told crosses the network as it is. With the pool the handshakes are few."
		switch {
		case e.TLSOnServer != nil && !*e.TLSOnServer && !c.Seen:
			f.Text = "What you ask and what you are told crosses the network as it is, and the server has no TLS: give it a certificate (ssl_cert, ssl_key)."
		case c.Valid:
			f.Fixes = []Fix{parameter("tls=true")}
		case c.Seen:
			f.Text += " The server's certificate cannot be verified here (" + c.Error + "): tls=skip-verify encrypts, but does not keep out who poses as the server."
			f.Fixes = []Fix{parameter("tls=skip-verify")}
		}
		return f
	}
	now := time.Now()
	switch {
	case !c.Verified:
		f.Short = "not verified; this machine alone"
		if !e.Local {
			f.Level, f.Short = Hint, "the certificate is not verified"
			f.Text = "Who can redirect the connection can pose as the server. "
			if c.Valid {
				f.Text += "The certificate passes: have it verified."
				f.Fixes = []Fix{parameter("tls=true")}
			} else {
				f.Text += "The certificate does not pass here: " + c.Error
			}
		}
	default:
		f.Short = "verified"
	}
	if c.Seen && c.NotAfter.Sub(now) < certificateSoon && f.Level == OK && c.Verified {
		f.Level = Warning
		f.Short = "verified until " + c.NotAfter.UTC().Format(time.DateOnly)
		f.Text = fmt.Sprintf("The certificate ends at %s, in %.0f days: then logins fail. Renew it on the server (ssl_cert, then FLUSH SSL or ALTER INSTANCE RELOAD TLS).",
			c.NotAfter.UTC().Format(time.DateTime), c.NotAfter.Sub(now).Hours()/24)
	}
	return f
}

// clock compares the server's clock with this machine's, and both with the
// certificate's validity.
func (e *examined) clock() Finding {
	f := Finding{Name: "clock", Level: OK, Value: "unknown", Short: "the server does not say its time"}
	if e.ClockAhead == nil {
		return f
	}
	ahead := *e.ClockAhead
	f.Value, f.Short = "same", "as this machine's"
	if math.Abs(ahead) < clockTolerance {
		return f
	}
	direction := "ahead"
	if ahead < 0 {
		direction = "behind"
	}
	f.Level, f.Value = Warning, fmt.Sprintf("%+.0f s", ahead)
	f.Short = fmt.Sprintf("the server's is %s %s", secondsText(math.Abs(ahead)), direction)
	f.Text = "The server's clock and this machine's differ: set both by NTP. Times that the server writes (NOW()) and that the program writes do not compare."
	if c := &e.Certificate; c.Seen {
		theirs := time.Now().Add(time.Duration(ahead * float64(time.Second)))
		inside := func(t time.Time) bool { return !t.Before(*c.NotBefore) && !t.After(*c.NotAfter) }
		switch ours := inside(time.Now()); {
		case inside(theirs) && !ours:
			f.Text += fmt.Sprintf(" By this machine's clock the server's certificate is not valid (%s to %s), by the server's it is: with tls=true logins fail.",
				c.NotBefore.UTC().Format(time.DateTime), c.NotAfter.UTC().Format(time.DateTime))
		case !inside(theirs) && ours:
			f.Text += " By the server's clock its own certificate is not valid."
		}
	}
	return f
}
