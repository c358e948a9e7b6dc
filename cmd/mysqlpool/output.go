package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// output is a file that is written at the end of a command. It is opened at the
// start, so that nobody waits for a result that cannot be written.
type output struct {
	file *os.File
	made bool // it was not there before
}

// openOutput returns nil for no path. It changes nothing in a file that is there.
func openOutput(path string) (*output, error) {
	if path == "" {
		return nil, nil
	}
	_, err := os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &output{file, made}, nil
}

// finish replaces what is in the file.
func (o *output) finish(b []byte) error {
	file := o.file
	o.file = nil
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		if err := file.Truncate(0); err != nil {
			file.Close()
			return err
		}
	}
	_, err := file.Write(b)
	return errors.Join(err, file.Close())
}

// abandon removes a file that was made here and not finished.
func (o *output) abandon() {
	if o == nil || o.file == nil {
		return
	}
	o.file.Close()
	if o.made {
		os.Remove(o.file.Name())
	}
}

// printServer says which server it is.
func printServer(w io.Writer, name string) {
	for i, line := range wrap("server: "+name, columns) {
		if i > 0 {
			line = strings.Repeat(" ", len("server: ")) + line
		}
		fmt.Fprintln(w, line)
	}
}
