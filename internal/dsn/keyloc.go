package dsn

import (
	"encoding/binary"
	"reflect"
	"sync/atomic"
	"time"
)

// appendLocation appends a time zone by its name and its rules: a program may give any
// name to any rules (time.FixedZone), and set another time.Local. It reports false for
// one whose rules cannot be read. named says that it is known to be the zone of the time
// zone database that its name stands for; then the name is enough.
func appendLocation(b []byte, l *time.Location, named bool) ([]byte, bool) {
	b = appendString(b, l.String()) // which reads time.Local from the system, unless that was done
	switch {
	case l == nil:
		return b, true
	case named && l != time.Local && l != time.UTC: // which are variables
		return append(b, 1), true
	}
	b = append(b, 0)
	v := reflect.ValueOf(l).Elem()
	zone, tx, extend := v.FieldByName("zone"), v.FieldByName("tx"), v.FieldByName("extend")
	if !isSliceOf(zone, 3) || !isSliceOf(tx, 4) || extend.Kind() != reflect.String {
		return b, false
	}
	if latest := latestRules.Load(); latest != nil && latest.isOf(zone, tx, extend) {
		return append(b, latest.text...), true
	}
	text := appendString(nil, extend.String())
	for _, list := range [...]reflect.Value{zone, tx} {
		text = binary.LittleEndian.AppendUint64(text, uint64(list.Len()))
		for i := range list.Len() {
			for j := range list.Index(i).NumField() {
				var ok bool
				if text, ok = appendValue(text, list.Index(i).Field(j)); !ok {
					return b, false
				}
			}
		}
	}
	latestRules.Store(&zoneRules{zone, tx, extend.String(), text})
	return append(b, text...), true
}

// isSliceOf reports whether a value is a slice of structs with so many fields.
func isSliceOf(v reflect.Value, fields int) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem().NumField() == fields
}

// latestRules is of the time zone that was read last, which is time.Local for most
// programs, so that it need not be read for each handle. Rules are never changed once
// they are read.
var latestRules atomic.Pointer[zoneRules]

type zoneRules struct {
	zone, tx reflect.Value // which keeps them from being replaced in the same place
	extend   string
	text     []byte
}

func (r *zoneRules) isOf(zone, tx reflect.Value, extend reflect.Value) bool {
	return sameSlice(r.zone, zone) && sameSlice(r.tx, tx) && r.extend == extend.String()
}

func sameSlice(a, b reflect.Value) bool {
	return a.Len() == b.Len() && a.UnsafePointer() == b.UnsafePointer()
}

// IsNamedLocation reports whether a location is the one that its name stands for, as one
// from a DSN is.
func IsNamedLocation(l *time.Location) bool {
	if l == nil || l == time.UTC || l == time.Local {
		return true
	}
	named, err := time.LoadLocation(l.String())
	return err == nil && reflect.DeepEqual(named, l)
}
