package observability

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// checkSchema checks a dashboard by Grafana's schema: each panel has the options
// and the queries of its kind, and no other field.
func checkSchema(b []byte) error {
	board := dashboard.NewDashboard()
	var none cog.BuildErrors // which may come as an error of no errors
	if err := board.UnmarshalJSONStrict(b); err != nil && (!errors.As(err, &none) || len(none) > 0) {
		return err
	}
	return board.Validate()
}

func TestDashboardSchema(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	b, err := os.ReadFile("../../../driver/prometheus/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSchema(b); err != nil {
		t.Error(err)
	}
	for was, is := range map[string]string{
		`"legendFormat"`: `"legendFormats"`, // of a query
		`"showLegend"`:   `"showsLegend"`,   // of a kind of panel
		`"refresh"`:      `"refreshes"`,
	} {
		if err := checkSchema(bytes.Replace(b, []byte(was), []byte(is), 1)); err == nil {
			t.Errorf("%s in the place of %s: got no error", is, was)
		}
	}
}
