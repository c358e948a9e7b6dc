package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is what --version shows: that of the module, else of the source.
func version() string {
	v := "mysqlpool"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	switch revision := settings["vcs.revision"]; {
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		v += " " + info.Main.Version
	case revision != "":
		v += " " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			v += ", modified"
		}
	default:
		v += ", built from source"
	}
	for _, m := range info.Deps {
		if strings.HasSuffix(m.Path, "go-sql-driver/mysql") {
			v += fmt.Sprintf(" (%s %s", m.Path, m.Version)
			return v + ", " + runtime.Version() + ")"
		}
	}
	return v + " (" + runtime.Version() + ")"
}
