package otel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	mysqlotel "github.com/mysqlpool/mysqlpool/driver/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// printer is an exporter. A program has that of
// go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp in its place.
type printer struct{}

func (printer) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(k)
}

func (printer) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (printer) Export(_ context.Context, all *metricdata.ResourceMetrics) error {
	for _, scope := range all.ScopeMetrics {
		fmt.Println("exported:", scope.Scope.Name)
	}
	return nil
}

func (printer) ForceFlush(context.Context) error { return nil }
func (printer) Shutdown(context.Context) error   { return nil }

// Every pool of the process is exported each ten seconds, with its histograms.
func Example() {
	ctx := context.Background()
	reader := sdkmetric.NewPeriodicReader(printer{}, sdkmetric.WithInterval(10*time.Second), sdkmetric.WithProducer(mysqlotel.NewProducer()))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	registration, err := mysqlotel.Register(provider)
	if err != nil {
		log.Fatal(err)
	}
	defer registration.Unregister()

	// Here the program opens its handles, and runs.

	if err := mysqlpool.Dispose(ctx); err != nil {
		log.Print(err)
	}
	if err := provider.Shutdown(ctx); err != nil { // which exports once more
		log.Print(err)
	}
	// Output:
}
