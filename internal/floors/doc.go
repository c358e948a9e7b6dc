// Package floors tests which package of the module imports which. It has tests only.
package floors
