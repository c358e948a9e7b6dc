package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Add puts a toxic of toxiproxy on the way from the server to the client, for
// the connections that there are and for new ones, and returns what removes it.
// Its kind and attributes are toxiproxy's: see
// https://github.com/Shopify/toxiproxy#toxics. One of each kind at a time.
//
// When a timeout toxic is removed toxiproxy closes the connections that it was
// on: they have lost bytes.
func (g *Gate) Add(kind string, attributes map[string]any) (remove func() error, err error) {
	toxic, err := json.Marshal(map[string]any{
		"name": kind, "type": kind, "stream": "downstream", "attributes": attributes,
	})
	if err == nil {
		_, err = g.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic)))
	}
	if err != nil {
		return nil, fmt.Errorf("gate: adding %s %v: %w", kind, attributes, err)
	}
	return func() error {
		if err := g.proxy.Toxics.RemoveToxic(g.proxy.Logger.WithContext(context.Background()), kind); err != nil {
			return fmt.Errorf("gate: removing %s: %w", kind, err)
		}
		return nil
	}, nil
}
