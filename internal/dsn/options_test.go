package dsn

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	set := func(f func(*Options)) Options {
		o := DefaultOptions()
		f(&o)
		return o
	}
	for _, test := range []struct {
		params string
		want   Options
	}{
		{"", DefaultOptions()},
		{"pool_size=0", set(func(o *Options) { o.Size = 0 })},
		{"pool_size=10&pool_max_overflow=20", set(func(o *Options) { o.Size, o.MaxOverflow = 10, 20 })},
		{"@pool_size=10&@pool_max_overflow='auto'", set(func(o *Options) { o.Size = 10 })},
		{"pool_max_overflow=auto", DefaultOptions()},
		{"pool_idle_timeout=90", set(func(o *Options) { o.IdleTimeout = 90 * time.Second })},
		{"pool_idle_timeout=1m30s", set(func(o *Options) { o.IdleTimeout = 90 * time.Second })},
		{"@pool_idle_timeout='1m30s'", set(func(o *Options) { o.IdleTimeout = 90 * time.Second })},
		{"@pool_timeout=0.25", set(func(o *Options) { o.Timeout = 250 * time.Millisecond })},
		{"pool_recycle=auto", DefaultOptions()},
		{"pool_recycle=0", set(func(o *Options) { o.Recycle = 0 })},
		{"pool_ping_after=500ms", set(func(o *Options) { o.PingAfter = 500 * time.Millisecond })},
		{"pool_warm=2&pool_dial_limit=3", set(func(o *Options) { o.Warm, o.DialLimit = 2, 3 })},
		{"pool_reset=never", set(func(o *Options) { o.Reset = ResetNever })},
		{"@pool_reset='always'", set(func(o *Options) { o.Reset = ResetAlways })},
		{"pool_stmt_cache=0", set(func(o *Options) { o.StmtCache = 0 })},
		{"pool_stmt_cache=auto", DefaultOptions()},
		{"pool_name=orders.eu-1", set(func(o *Options) { o.PoolName = "orders.eu-1" })},
		{"@pool_name='orders'", set(func(o *Options) { o.PoolName = "orders" })},
		{"pool_name=", DefaultOptions()},
		{"pool_leak_after=1h", set(func(o *Options) { o.LeakAfter = time.Hour })},
	} {
		params := splitParams(test.params)
		params["other"] = "1"
		o := DefaultOptions()
		if err := o.TakeParams(params); err != nil {
			t.Errorf("%s: %v", test.params, err)
		} else if o != test.want {
			t.Errorf("%s: got %+v, want %+v", test.params, o, test.want)
		}
		if len(params) != 1 {
			t.Errorf("%s: these would reach the server: %v", test.params, params)
		}
	}
}

func splitParams(s string) map[string]string {
	params := map[string]string{}
	for p := range strings.SplitSeq(s, "&") {
		if name, value, ok := strings.Cut(p, "="); ok {
			params[name] = value
		}
	}
	return params
}

// What is set as a user variable on the stock driver means the same to us.
func FuzzOption(f *testing.F) {
	for name := range optionTable {
		f.Add(name, "5")
		f.Add(name, "auto")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		plain, quoted := DefaultOptions(), DefaultOptions()
		plainErr := plain.TakeParams(map[string]string{name: value})
		quotedErr := quoted.TakeParams(map[string]string{"@" + name: "'" + value + "'"})
		if _, known := optionTable[name]; !known || strings.ContainsAny(value, `'\`) {
			return
		}
		if (plainErr == nil) != (quotedErr == nil) || plainErr == nil && plain != quoted {
			t.Errorf("%s=%s: %+v, %v; quoted: %+v, %v", name, url.QueryEscape(value), plain, plainErr, quoted, quotedErr)
		}
	})
}
