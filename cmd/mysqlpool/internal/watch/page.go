package watch

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	//go:embed uplot/uPlot.iife.min.js
	uplotJS string
	//go:embed uplot/uPlot.min.css
	uplotCSS string
	//go:embed uplot/LICENSE
	uplotLicence string
)

// page is all in one file: it needs nothing from anywhere else.
var page, policy = build()

func build() (page, policy string) {
	style := uplotCSS + pageCSS
	script := "/*\n" + uplotLicence + "\n*/\n" + uplotJS + pageJS
	page = strings.NewReplacer("/* style */", style, "/* script */", script).Replace(pageHTML)
	policy = fmt.Sprintf("default-src 'none'; connect-src 'self'; img-src data:; style-src %s; script-src %s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hash(style), hash(script))
	return page, policy
}

// hash is how a Content-Security-Policy names a script or style that may run.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func servePage(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", policy)
	io.WriteString(rw, page)
}
