package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestGORMExample(t *testing.T) {
	s := needSite(t)
	path := filepath.Join(t.TempDir(), "gorm")
	if out, err := exec.Command("go", "build", "-o", path, "./examples/gorm").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	cfg := s.cfg.Clone()
	cfg.DBName = "compat_gorm_example"
	for _, text := range []string{"DROP DATABASE IF EXISTS ", "CREATE DATABASE "} {
		if _, err := s.admin.ExecContext(t.Context(), text+cfg.DBName); err != nil {
			t.Fatal(err)
		}
	}
	defer s.admin.ExecContext(t.Context(), "DROP DATABASE "+cfg.DBName)
	cmd.Env = append(os.Environ(), "DSN="+cfg.FormatDSN())
	const want = "ann: 70\nbob: 30\n"
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v: printed\n%s\nwant\n%s", err, out, want)
	}
}
