package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// said waits until the page says that request n was served, and returns the id
// of the connection that served it.
func (p *tab) said(driver string, n int) (id int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.getElementById("said").textContent.startsWith("%s: request %d was served by connection ")`, driver, n))
	id = eval[int](p, `Number(document.getElementById("said").textContent.match(/connection (\d+)/)[1])`)
	p.until(fmt.Sprintf(`document.querySelector("#%s .counts").textContent.startsWith("%d request")`, driver, n))
	shown := eval[int](p, fmt.Sprintf(`Number(document.querySelector("#%s .id").textContent)`, driver))
	if shown != id {
		p.t.Errorf("%s: it says connection %d, and shows %d", driver, id, shown)
	}
	return id
}

// painted counts the pixels of the nth plot that are of the colour of a CSS
// variable, or nearly.
func painted(plot int, variable string) string {
	return fmt.Sprintf(`(() => {
		const canvas = document.querySelectorAll("#plots canvas")[%d];
		const hex = getComputedStyle(document.documentElement).getPropertyValue("%s").trim();
		const want = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
		const px = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
		let n = 0;
		for (let i = 0; i < px.length; i += 4)
			if (px[i + 3] > 250 && want.every((v, c) => Math.abs(px[i + c] - v) < 8)) n++;
		return n;
	})()`, plot, variable)
}

// faint lists the texts whose contrast with what is behind them is below the
// 4.5 of WCAG AA.
const faint = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number);
	const lum = c => rgb(c).slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = getComputedStyle(e).backgroundColor, a = rgb(c)[3];
			if (a === undefined || a > 0) return c;
		}
	};
	const found = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility()) continue;
		const [a, b] = [lum(getComputedStyle(e).color), lum(behind(e))];
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) found.push(n.textContent.trim() + ": " + ratio.toFixed(1));
	}
	return found;
})()`

// uneven lists what keeps the two sides from being compared at a glance: they are
// not side by side, or not as high, or have room that nothing is in.
const uneven = `(() => {
	const found = [], box = e => e.getBoundingClientRect();
	const pairs = [".id", ".requests", ".conns", "button"].map(q => ["#mysql " + q, "#mysql_pool " + q].map(q => document.querySelector(q)));
	for (const [a, b] of pairs) {
		if (Math.abs(box(a).top - box(b).top) > 1) found.push(a.outerHTML.slice(0, 60) + " is not beside its like");
		if (box(a).right >= box(b).left) found.push(a.outerHTML.slice(0, 60) + " is not on the left");
	}
	for (const side of document.querySelectorAll(".side")) {
		const right = Math.max(...[...side.querySelectorAll("table")].map(e => box(e).right));
		if (box(side).right - right > .15 * box(side).width) found.push("empty beside the tables of " + side.id);
	}
	const headline = box(document.getElementById("headline"));
	if (headline.top + scrollY > 300) found.push("the headline is far down");
	return found;
})()`

func TestWatchInBrowser(t *testing.T) {
	chromium := needChromium(t)
	gate := gateTo(t, watchedServer(t))
	w := startWatch(t, "--dsn="+gate.DSN)
	p := openTab(t, chromium, w.url)
	p.until(`document.getElementById("server").textContent !== "Asking…"`)

	t.Run("the id climbs on the left and not on the right", func(t *testing.T) {
		p.t = t
		var ids [2][]int
		for n := 1; n <= 4; n++ {
			for side, driver := range drivers {
				p.do(chromedp.Click("#" + driver + " button"))
				ids[side] = append(ids[side], p.said(driver, n))
			}
		}
		for n := 1; n < 4; n++ {
			if ids[0][n] <= ids[0][n-1] {
				t.Errorf("the ids on the left do not climb: %d", ids[0])
			}
			if ids[1][n] != ids[1][0] {
				t.Errorf("the ids on the right are not all the same: %d", ids[1])
			}
		}
		p.until(fmt.Sprintf(`[...document.querySelectorAll("#mysql_pool .conns tbody td:first-child")].some(e => e.textContent === "%d")`, ids[1][0]))
		var marked [2][]string
		for side, driver := range drivers {
			marked[side] = eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("#%s .requests tbody td:last-child")].map(e => e.textContent)`, driver))
		}
		if want := []string{"login", "login", "login", "login"}; !slices.Equal(marked[0], want) {
			t.Errorf("requests on the left: got %q, want %q", marked[0], want)
		}
		if want := []string{"kept", "kept", "kept", "login"}; !slices.Equal(marked[1], want) {
			t.Errorf("requests on the right: got %q, want %q", marked[1], want)
		}
		p.quiet()
	})

	t.Run("by keyboard alone", func(t *testing.T) {
		p.t = t
		p.do(chromedp.Navigate(w.url)) // the first stop is that of a page just opened
		p.until(`document.querySelector("#mysql_pool .requests tbody")`)
		var order []string
		var unseen []string // stops without a visible focus
		for range 30 {
			p.press(kb.Tab)
			stop := eval[struct {
				Name    string `json:"name"`
				Outline bool   `json:"outline"`
			}](p, `(e => ({
				name: e === document.body ? "" : e.getAttribute("aria-label") || (e.labels ? e.labels[0] || e : e).textContent.trim().replace(/\d+$/, "N"),
				outline: getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2,
			}))(document.activeElement)`)
			if stop.Name == "" || slices.Contains(order, stop.Name) {
				break
			}
			order = append(order, stop.Name)
			if !stop.Outline {
				unseen = append(unseen, stop.Name)
			}
			switch stop.Name {
			case "One request through mysql_pool":
				p.press(kb.Enter)
				p.until(`document.getElementById("said").textContent.startsWith("mysql_pool: request ")`)
			case "Compare under load":
				p.press(" ")
				p.until(`document.getElementById("said").textContent === "Under load: 1 request at a time on each side, without arguments."`)
			case "N": // the radio buttons are one stop
				p.press(kb.ArrowRight)
				p.until(`document.getElementById("said").textContent === "Under load: 8 requests at a time on each side, without arguments."`)
			case "queries with arguments":
				p.press(" ")
				p.until(`document.getElementById("said").textContent === "Under load: 8 requests at a time on each side, with arguments."`)
			case "What is this? Pinned connections":
				p.press(kb.Enter)
				p.until(`document.getElementById("docs").open && location.hash === "#about-pinned"`)
				p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('a[href="#about-pinned"]').focus()`)) // go on from there
			case "Other connections: N":
				p.press(kb.Enter)
				p.until(`document.getElementById("others").open`)
			}
		}
		want := []string{
			"Compare under load", "N", "queries with arguments",
			"One request through mysql", "Last requests through mysql", "Connections of mysql on the server now",
			"One request through mysql_pool", "Last requests through mysql_pool", "Connections of mysql_pool on the server now",
			"What is this? Logins", "What is this? Connections", "What is this? Latency", "What is this? Checkout wait",
			"What is this? Statement cache", "What is this? Pinned connections",
			"Other connections: N", "Other connections", "What is measured",
		}
		if !slices.Equal(order, want) {
			t.Errorf("the tab key goes to\n%q, want\n%q", order, want)
		}
		if len(unseen) > 0 {
			t.Errorf("the focus cannot be seen on %q", unseen)
		}
		p.quiet()
	})

	t.Run("the load switch and the headline", func(t *testing.T) {
		p.t = t
		const times = `Number(document.getElementById("times").textContent)`
		p.until(times + " > 0")
		p.until(`/^median latency: mysql [\d.]+ ms, mysql_pool [\d.]+ ms$/.test(document.getElementById("medians").textContent)`)
		p.until(`Number(document.getElementById("logins-mysql").textContent.replace(",", "")) > 20 * Number(document.getElementById("logins-mysql_pool").textContent)`)
		p.until(`document.getElementById("logins-mysql_pool").textContent > 0`)
		p.do(chromedp.Click("#load-on"))
		p.until(`document.getElementById("said").textContent === "The load is off."`)
		w.until(t, "no load is made", func(s watchState) bool { return !s.Load.On })
		// Of two clicks in a row the first takes longer on its way to the server.
		eval[bool](p, `(() => {
			const send = fetch;
			let sent = 0;
			window.answered = 0;
			window.fetch = async (to, how) => {
				if (!to.startsWith("load?")) return send(to, how);
				if (++sent === 1) await new Promise(later => setTimeout(later, 500));
				const answer = await send(to, how);
				window.answered++;
				return answer;
			};
			document.querySelector('#load [value="32"]').click();
			document.getElementById("load-on").click();
			return true;
		})()`)
		p.until(`window.answered === 2 && document.getElementById("said").textContent.startsWith("Under load: 32 requests at a time")`)
		w.until(t, "it is made, 32 at a time", func(s watchState) bool {
			return s.Load.On && s.Load.AtATime == 32 && s.Load.Arguments && len(s.Sides[0].Connections) > 8
		})
		p.do(chromedp.Navigate(w.url)) // a page just opened shows what the switch is at
		p.until(`document.getElementById("load-on").checked && document.querySelector('#load [value="32"]').checked && document.getElementById("arguments").checked`)
		p.do(chromedp.Click(`#load [value="8"]`))
		w.until(t, "8 at a time", func(s watchState) bool { return s.Load.AtATime == 8 })
		p.quiet()
	})

	t.Run("names for a screen reader", func(t *testing.T) {
		p.t = t
		p.until(painted(0, "--left") + " > 30")
		tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			t.Fatal(err)
		}
		text := func(v *accessibility.Value) string {
			if v == nil {
				return ""
			}
			return strings.Trim(string(v.Value), `"`)
		}
		var names []string
		for _, n := range tree.Nodes {
			role, name := text(n.Role), text(n.Name)
			switch role {
			case "button", "link", "switch", "checkbox", "radio", "image", "img", "group", "region", "textbox":
				if !n.Ignored && name == "" && role != "group" { // details are groups too, with a summary
					t.Errorf("a %s without a name: %s", role, text(n.Value))
				}
				names = append(names, role+" "+name)
			}
		}
		for _, want := range []string{
			"switch Compare under load", "radio 32", "checkbox queries with arguments", "group Load", "group Requests at a time on each side",
			"button One request through mysql_pool", "region The difference", "region Connections of mysql on the server now",
			"image Logins, per second: as the server counts, all clients ", "image Latency, ms, logarithmic: mysql median ", "link What is this? Checkout wait",
		} {
			if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(strings.Replace(name, "img ", "image ", 1), want) }) {
				t.Errorf("no %q in %q", want, names)
			}
		}
		p.quiet()
	})

	t.Run("load is plotted", func(t *testing.T) {
		p.t = t
		const legend = `[...document.querySelectorAll("#plots figure")[%d].querySelectorAll(".legend b")][%d].textContent`
		p.until(fmt.Sprintf(legend+" > 1", 0, 1)) // logins of mysql
		p.until(fmt.Sprintf(legend+" > 1", 1, 0)) // connections of mysql: 8 requests at a time
		p.until(fmt.Sprintf(legend+" > 1", 4, 0)) // hits of the statement cache
		for _, line := range []struct {
			plot  int
			color string
		}{{0, "--left"}, {0, "--server"}, {1, "--left"}, {1, "--right"}, {2, "--left"}, {2, "--right"}, {3, "--right"}, {4, "--right"}, {5, "--right"}} {
			p.until(painted(line.plot, line.color) + " > 30")
		}
		p.until(`/Why: .*(locks|transaction|variables)/.test(document.querySelectorAll("#plots figure")[5].textContent)`)
		p.quiet()
	})

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 390, 800, 900, 1280} {
			t.Run(fmt.Sprintf("%s, %d wide", scheme, width), func(t *testing.T) {
				p.t = t
				p.look(width, 800, scheme)
				p.until(fmt.Sprintf("innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches", width, scheme))
				p.until(painted(0, "--left") + " > 30") // painted again, in the colours of the scheme
				// The plots follow a new width a moment later.
				var wide []string
				over := 1
				for deadline := time.Now().Add(5 * time.Second); (over > 0 || len(wide) > 0) && time.Now().Before(deadline); {
					wide = eval[[]string](p, `(document.querySelectorAll("details").forEach(d => d.open = true),
						[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".canvas") &&
							(e.getBoundingClientRect().right > document.documentElement.clientWidth || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline"))
						.map(e => e.outerHTML.slice(0, 80)))`)
					over = eval[int](p, "document.documentElement.scrollWidth - innerWidth")
				}
				if over > 0 || len(wide) > 0 {
					t.Errorf("%d pixels too wide: %q", over, wide)
				}
				if uneven := eval[[]string](p, uneven); len(uneven) > 0 {
					t.Errorf("the sides cannot be compared: %q", uneven)
				}
				if dim := eval[[]string](p, faint); len(dim) > 0 {
					t.Errorf("hard to read: %q", dim)
				}
				p.quiet()
			})
		}
	}

	t.Run("a server that goes away and comes back", func(t *testing.T) {
		p.t = t
		gate.Shut()
		p.until(`document.getElementById("server").textContent.startsWith("Server unreachable since ")`)
		p.until(`document.querySelector("#mysql_pool .conns").textContent === "Server unreachable."`)
		p.until(`["mysql", "mysql_pool"].every(d => document.querySelector("#" + d + " .requests .failed"))`)
		if err := gate.Open(); err != nil {
			t.Fatal(err)
		}
		p.until(`!document.getElementById("server").classList.contains("unreachable")`)
		p.until(`["mysql", "mysql_pool"].every(d => !document.querySelector("#" + d + " .requests .failed"))`)
		p.until(`document.querySelector("#mysql_pool .conns tbody")`)
		p.quiet()
	})

	t.Run("a program that stops", func(t *testing.T) {
		p.t = t
		if status, _ := w.stop(); status != 0 {
			t.Errorf("exit status %d: %s", status, w.stderr)
		}
		p.until(`document.getElementById("server").textContent.startsWith("mysqlpool watch does not answer")`)
		text := eval[string](p, "document.documentElement.outerHTML")
		password, _, _ := strings.Cut(strings.TrimPrefix(gate.DSN, "root:"), "@")
		if password == "" || strings.Contains(text, password) {
			t.Error("the password shows in the page")
		}
	})
}
