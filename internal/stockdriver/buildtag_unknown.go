//go:build stockunknown

package stockdriver

// As with a version of the stock driver none of whose fields is found.
const knowsInsides = false
