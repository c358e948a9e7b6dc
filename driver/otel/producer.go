package otel

import (
	"context"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

// started is before the first login of any pool.
var started = time.Now()

// NewProducer returns what a reader of the SDK takes histograms from, with
// metric.WithProducer: db.client.connection.create_time, wait_time and use_time,
// in seconds, of every pool of the process. They are cumulative whatever the
// exporter prefers, have the pool's own buckets, from 100 µs to 10 s, and pass no
// views.
func NewProducer() sdkmetric.Producer { return producer{processSource} }

type producer struct{ source }

var histograms = []struct {
	convention
	of func(p *mysqlpool.PoolStats) *mysqlpool.Histogram
}{
	{dbconv.ClientConnectionCreateTime{}, func(p *mysqlpool.PoolStats) *mysqlpool.Histogram { return &p.CreateTime }},
	{dbconv.ClientConnectionWaitTime{}, func(p *mysqlpool.PoolStats) *mysqlpool.Histogram { return &p.WaitTime }},
	{dbconv.ClientConnectionUseTime{}, func(p *mysqlpool.PoolStats) *mysqlpool.Histogram { return &p.UseTime }},
}

// Produce implements sdkmetric.Producer. It never fails.
func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	pools, now := p.stats(), time.Now()
	if len(pools) == 0 {
		return nil, nil
	}
	out := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: scope, SchemaURL: SchemaURL}}
	for _, h := range histograms {
		points := make([]metricdata.HistogramDataPoint[float64], len(pools))
		for i := range pools {
			points[i] = dataPoint(h.of(&pools[i]))
			points[i].Attributes = attribute.NewSet(poolAttributes(&pools[i])...)
			points[i].StartTime, points[i].Time = started, now
		}
		out.Metrics = append(out.Metrics, metricdata.Metrics{
			Name: h.Name(), Description: h.Description(), Unit: h.Unit(),
			Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: points},
		})
	}
	return []metricdata.ScopeMetrics{out}, nil
}

func dataPoint(h *mysqlpool.Histogram) metricdata.HistogramDataPoint[float64] {
	p := metricdata.HistogramDataPoint[float64]{Count: uint64(h.Count), Sum: h.Sum.Seconds()}
	for _, b := range h.Bounds {
		p.Bounds = append(p.Bounds, b.Seconds())
	}
	for _, n := range h.Counts {
		p.BucketCounts = append(p.BucketCounts, uint64(n))
	}
	return p
}
