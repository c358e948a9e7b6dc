//go:build nodocker

package servers

import (
	"context"
	"errors"
)

// startDocker is left out of programs that only need the embedded server.
func startDocker(context.Context, Options) (*Server, error) {
	return nil, errors.New("built without Docker")
}
