package mysqlpool

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
)

// key names a pool: two connectors share one exactly if their keys are equal.
// It is a keyed hash, since passwords are part of what it is made from.
type key [sha256.Size]byte

// keySecret makes the keys of this process useless outside it.
var keySecret = func() (secret [32]byte) {
	rand.Read(secret[:]) // never fails: crypto/rand
	return secret
}()

// poolKey returns the key of a normalised config and its options. It reports
// false if the config holds something that cannot be compared with that of
// another connector (a function, a logger, a TLS config of its own): then the
// connector must have a pool of its own.
//
// It goes through all fields of mysql.Config, so that one which a later
// version adds makes another pool rather than being overlooked.
func poolKey(cfg *mysql.Config, o options) (key, bool) {
	h := hmac.New(sha256.New, keySecret[:])
	fmt.Fprintf(h, "%+v", o)
	v := reflect.ValueOf(cfg).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		hashString(h, name)
		if !hashField(h, cfg, name, v.Field(i)) {
			return key{}, false
		}
	}
	return key(h.Sum(nil)), true
}

func hashField(h hash.Hash, cfg *mysql.Config, name string, v reflect.Value) bool {
	switch name {
	case "TLS":
		return hashTLS(h, cfg)
	case "Loc":
		hashString(h, locationName(cfg.Loc))
		return true
	case "Params":
		for _, param := range slices.Sorted(maps.Keys(cfg.Params)) {
			hashString(h, param)
			hashString(h, cfg.Params[param])
		}
		return true
	case "Logger":
		return cfg.Logger == nil || sameLogger(cfg.Logger, mysql.NewConfig().Logger)
	case "pubKey":
		return true // ServerPubKey, its name, says which
	}
	return hashValue(h, v)
}

// hashValue hashes a value of a basic kind, or a slice of such.
func hashValue(h hash.Hash, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		hashString(h, v.String())
	case reflect.Bool:
		binary.Write(h, binary.LittleEndian, v.Bool())
	case reflect.Int, reflect.Int64:
		binary.Write(h, binary.LittleEndian, v.Int())
	case reflect.Uint8, reflect.Uint16:
		binary.Write(h, binary.LittleEndian, v.Uint())
	case reflect.Slice:
		binary.Write(h, binary.LittleEndian, int64(v.Len()))
		for i := range v.Len() {
			if !hashValue(h, v.Index(i)) {
				return false
			}
		}
	default:
		return v.IsZero()
	}
	return true
}

func hashString(h hash.Hash, s string) {
	binary.Write(h, binary.LittleEndian, int64(len(s)))
	h.Write([]byte(s))
}

func locationName(l *time.Location) string {
	if l == nil {
		return ""
	}
	return l.String()
}

func sameLogger(a, b mysql.Logger) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.Type() == vb.Type() && va.Comparable() && va.Equal(vb)
}
