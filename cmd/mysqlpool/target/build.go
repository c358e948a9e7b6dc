package target

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A Teller is told how far a build is.
type Teller interface {
	// Say gets a line for people, without a newline.
	Say(line string)
	// At gets what is done now, at least once a second.
	At(doing string)
}

const programName = "mysqlpool-embedded"

// program returns the path of the embedded server's program: the one beside this
// one, else one that is built from the source that this one was built from. A
// program that is older than the source is built again.
func program(ctx context.Context, tell Teller) (string, error) {
	source, hasSource := sourceDir()
	beside := ""
	if self, err := os.Executable(); err == nil {
		beside = filepath.Join(filepath.Dir(self), programName+exeSuffix())
	}
	var changed time.Time
	if hasSource {
		changed = latestChange(source)
	}
	if isFresh(beside, changed) {
		return beside, nil
	}
	if !hasSource {
		return "", fmt.Errorf("%w: no program %s, and no source to build it from", errNoProgram, beside)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w, and no folder to build it in: %w", errNoProgram, err)
	}
	// Each source tree has its own.
	built := filepath.Join(cache, "mysqlpool", fmt.Sprintf("%s-%.8x%s", programName, sha256.Sum256([]byte(source)), exeSuffix()))
	if isFresh(built, changed) {
		return built, nil
	}
	if err := build(ctx, source, built, tell); err != nil {
		return "", fmt.Errorf("building the embedded server: %w", err)
	}
	return built, nil
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// sourceDir returns the folder cmd of the source that this program was built
// from, if it is still there.
func sourceDir() (dir string, ok bool) {
	_, file, _, _ := runtime.Caller(0)
	if !filepath.IsAbs(file) { // -trimpath
		return "", false
	}
	dir = filepath.Dir(filepath.Dir(filepath.Dir(file)))
	_, err := os.Stat(filepath.Join(dir, programName, "main.go"))
	return dir, err == nil
}

// latestChange is when what the program is built from was changed last.
func latestChange(source string) (latest time.Time) {
	for _, pattern := range []string{"go.mod", "go.sum", programName + "/*.go", "internal/servers/*.go", "mysqlpool/target/*.go"} {
		files, _ := filepath.Glob(filepath.Join(source, pattern))
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if info, err := os.Stat(file); err == nil && info.ModTime().After(latest) {
				latest = info.ModTime()
			}
		}
	}
	return latest
}

func isFresh(path string, changed time.Time) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.ModTime().After(changed)
}

// buildNeeds was measured with an empty module cache and an empty build cache, on
// amd64 with Go 1.26.
const buildNeeds = "With nothing cached that takes about 100 s of CPU time, 450 MB of modules\n" +
	"(go env GOMODCACHE) and 370 MB of build cache (go env GOCACHE)."

// build builds the program, and tells how far it is.
func build(ctx context.Context, source, to string, tell Teller) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("no go command found: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	tell.Say("Without --dsn an embedded server is used, which must be built first.")
	for line := range strings.SplitSeq(buildNeeds, "\n") {
		tell.Say(line)
	}
	// Under a name of its own: another process may build it too.
	temp := fmt.Sprintf("%s.%d", to, os.Getpid())
	defer os.Remove(temp)
	args := append(buildFlags(), "-v", "-o", temp, "./"+programName)
	cmd := exec.CommandContext(ctx, goTool, append([]string{"build"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	cmd.Dir = source
	steps := newSteps(tell)
	var said bytes.Buffer
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(io.TeeReader(out, &said)); lines.Scan(); {
			steps.line(lines.Text())
		}
	}()
	ticking, stop := context.WithCancel(ctx)
	go steps.tick(ticking)
	<-read
	err = cmd.Wait()
	stop()
	steps.wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("go build: %w: %s", err, lastLine(said.String()))
	}
	if err := os.Rename(temp, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// go build keeps the time of a program that it has linked before.
	now := time.Now()
	if err := os.Chtimes(to, now, now); err != nil {
		return err
	}
	tell.Say(fmt.Sprintf("Built in %v: %s", time.Since(start).Round(time.Second), to))
	return nil
}

// buildFlags leaves out what the program does not use: the Docker client that
// package servers has for tests, and what only a debugger reads.
func buildFlags() []string { return []string{"-tags=nodocker", "-ldflags=-s -w"} }

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
