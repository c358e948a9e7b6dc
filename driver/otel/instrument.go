package otel

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instrument is one name of a metric.
type instrument struct {
	name string
	unit string
	help string
	kind kind
}

type kind int

const (
	counter kind = iota // only grows
	sum                 // goes up and down; that of several pools is their sum
	gauge               // is not summed up
)

// observable is an instrument as the metric API has it.
type observable interface{ metric.Int64Observable }

func (i instrument) observable(m metric.Meter) (observable, error) {
	unit, help := metric.WithUnit(i.unit), metric.WithDescription(i.help)
	switch i.kind {
	case counter:
		return m.Int64ObservableCounter(i.name, unit, help)
	case sum:
		return m.Int64ObservableUpDownCounter(i.name, unit, help)
	default:
		return m.Int64ObservableGauge(i.name, unit, help)
	}
}

// value is one series: its attributes besides those of the pool or the server, and
// its value.
type value struct {
	value      int64
	attributes []attribute.KeyValue
}

// with is a value whose attributes are pairs of a key and a value.
func with(n int64, pairs ...string) value {
	v := value{value: n}
	for i := 0; i < len(pairs); i += 2 {
		v.attributes = append(v.attributes, attribute.String(pairs[i], pairs[i+1]))
	}
	return v
}

// optional returns no value for 0, which means no limit.
func optional(n int) []value {
	if n == 0 {
		return nil
	}
	return []value{with(int64(n))}
}

func truth(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
