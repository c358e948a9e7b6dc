package dsn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"reflect"
	"slices"

	"github.com/go-sql-driver/mysql"
)

// Key names a pool: two connectors share one exactly if their keys are equal.
// The config is in it as a keyed hash, since passwords are part of it.
type Key struct {
	config [sha256.Size]byte
	Options
}

// keySecret makes the keys of this process useless outside it.
var keySecret = func() (secret [32]byte) {
	rand.Read(secret[:]) // never fails: crypto/rand
	return secret
}()

// configFields is the names of all fields of mysql.Config, in their order.
var configFields = func() (names []string) {
	t := reflect.TypeFor[mysql.Config]()
	for i := range t.NumField() {
		names = append(names, t.Field(i).Name)
	}
	return names
}()

// Sharing is what decides, besides the config and the options, who shares a pool.
type Sharing struct {
	NamedLoc   bool   // see appendLocation
	ShareKey   string // connectors with the same have the same functions; "": it is not known
	AfterLogin bool   // there is such a function
}

// KeyOf returns the pool key of a normalised config and its options. ok is false if the
// connector needs a pool of its own: it holds a function, a Logger or a hand-made TLS
// config, and has no share key. With a share key, such a field contributes whether it is
// set, and those of its parts that can be compared. Every field of mysql.Config is
// visited, so a field added by a later version gives another key.
func KeyOf(cfg *mysql.Config, o Options, s Sharing) (key Key, ok bool) {
	b := append(make([]byte, 0, 1024), keySecret[:]...)
	v := reflect.ValueOf(cfg).Elem()
	shareable := !s.AfterLogin
	for i, name := range configFields {
		b = appendString(b, name)
		var same bool
		if b, same = appendField(b, cfg, name, v.Field(i), s); !same {
			shareable = false
			b = appendString(b, "other")
		}
	}
	if !shareable && s.ShareKey == "" {
		return Key{}, false
	}
	b = appendString(b, s.ShareKey)
	if s.AfterLogin {
		b = append(b, 1)
	}
	return Key{sha256.Sum256(b), o}, true
}

func appendField(b []byte, cfg *mysql.Config, name string, v reflect.Value, s Sharing) ([]byte, bool) {
	switch name {
	case "DBName":
		return b, true // a checkout switches the schema
	case "TLS":
		return appendTLS(b, cfg, s.ShareKey != "")
	case "Loc":
		return appendLocation(b, cfg.Loc, s.NamedLoc)
	case "Params":
		for _, param := range slices.Sorted(maps.Keys(cfg.Params)) {
			b = appendString(b, param)
			b = appendString(b, cfg.Params[param])
		}
		return b, true
	case "Logger":
		return b, cfg.Logger == nil || sameLogger(cfg.Logger, mysql.NewConfig().Logger)
	case pubKeyField:
		return appendPublicKey(b, cfg, v)
	}
	return appendValue(b, v)
}

// appendValue appends a value of a basic kind, or a slice of such. Of any other
// kind it reports false, unless it is the zero value.
func appendValue(b []byte, v reflect.Value) ([]byte, bool) {
	switch v.Kind() {
	case reflect.String:
		return appendString(b, v.String()), true
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1), true
		}
		return append(b, 0), true
	case reflect.Int, reflect.Int64:
		return binary.LittleEndian.AppendUint64(b, uint64(v.Int())), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16:
		return binary.LittleEndian.AppendUint64(b, v.Uint()), true
	case reflect.Slice:
		ok := true
		b = binary.LittleEndian.AppendUint64(b, uint64(v.Len()))
		for i := range v.Len() {
			var same bool
			b, same = appendValue(b, v.Index(i))
			ok = ok && same
		}
		return b, ok
	}
	if v.IsZero() {
		return append(b, 0), true
	}
	return append(b, 1), false
}

// appendString appends the length too, so that no two lists of strings look
// alike.
func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

func sameLogger(a, b mysql.Logger) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.Type() == vb.Type() && va.Comparable() && va.Equal(vb)
}

// PasswordHash makes a password comparable. Where BeforeConnect sets another
// one it is not known, and counts as the config's.
func PasswordHash(cfg *mysql.Config) [32]byte {
	b := append(make([]byte, 0, 128), keySecret[:]...)
	return sha256.Sum256(appendString(b, cfg.Passwd))
}
