package dsn

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/options.md has a row and a section for each option, with the type, the
// default, the minimum and the meaning of zero that the code has.
func TestOptionsPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/options.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, line := range regexp.MustCompile("(?m)^\\| \\[`pool_.*$").FindAllString(string(text), -1) {
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name, link, _ := strings.Cut(strings.Trim(cells[1], "[)"), "](#")
		name = strings.Trim(name, "`")
		if name != link || len(cells) != 8 {
			t.Errorf("the row of %s: got a link to %s and %d cells, want the option's own anchor and 8", name, link, len(cells))
			continue
		}
		rows[name] = cells
	}
	for name, option := range optionTable {
		cells, ok := rows[name]
		if !ok {
			t.Errorf("%s has no row", name)
			continue
		}
		delete(rows, name)
		_, section, ok := strings.Cut(string(text), "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		if !ok || !strings.Contains(section, "\n**Change it** ") {
			t.Errorf("%s: want a section that says when to change it", name)
		}
		takes, fallback, least, zero := cells[2], cells[3], cells[4], cells[5]
		if want := typeOf(option.takes); strings.ReplaceAll(takes, "`", "") != want {
			t.Errorf("%s: got the type %q, want %q", name, takes, want)
		}
		if fallback == "none" {
			fallback = ""
		}
		o, want := DefaultOptions(), DefaultOptions()
		want.Check()
		if err := o.Set(name, fallback); err != nil || o.Check() != nil || o != want {
			t.Errorf("%s: the code has another default than %q: %v", name, fallback, err)
		}
		if err := (&Options{}).Set(name, "0"); (err != nil) != (zero == "not allowed") {
			t.Errorf("%s: the page says of zero %q, the code %v", name, zero, err)
		}
		checkMinimum(t, name, least)
	}
	for name := range rows {
		t.Errorf("%s has a row and is no option", name)
	}
}

// typeOf is what an option takes, in the words of the page.
func typeOf(takes string) string {
	for _, kind := range []struct{ code, page string }{
		{takesTime, "time"}, {takesCount(0), "count"}, {takesCount(1), "count"},
	} {
		takes = strings.Replace(takes, kind.code, kind.page, 1)
	}
	takes = strings.TrimSuffix(takes, ", above 0")
	if word, ok := strings.CutSuffix(takes, ", or auto"); ok {
		return word + " or auto"
	}
	if strings.Contains(takes, "64 letters") {
		return takes
	}
	return strings.ReplaceAll(takes, " or ", ", ")
}

func checkMinimum(t *testing.T, name, least string) {
	t.Helper()
	fails := func(value string) bool { return (&Options{}).Set(name, value) != nil }
	switch n, err := strconv.Atoi(least); {
	case least == "above 0":
		if !fails("0") || fails("1ns") {
			t.Errorf("%s: the minimum is not above 0", name)
		}
	case err == nil:
		if fails(least) || !fails(strconv.Itoa(n-1)) {
			t.Errorf("%s: the minimum is not %s", name, least)
		}
	case least != "":
		t.Errorf("%s: got the minimum %q, want a number, above 0, or nothing", name, least)
	case !fails("0") && name != "pool_name":
		t.Errorf("%s takes 0, and has no minimum", name)
	}
}
