"use strict";
(() => {
const $ = id => document.getElementById(id);
const sides = []; // left, right: the elements of each
const plots = [];
let samples = []; // of the last two minutes, oldest first
let rows = []; // those, and holes: what the plots show
const span = 120; // seconds in the plots

// el makes an element with text or children in it.
function el(tag, inside, className) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (Array.isArray(inside)) e.append(...inside);
  else if (inside !== undefined) e.textContent = inside;
  return e;
}

const grouped = n => n.toLocaleString("en");
const plural = (n, thing) => `${grouped(n)} ${thing}${n === 1 ? "" : "s"}`;
const clock = seconds => new Date(seconds * 1000).toLocaleTimeString([], {hour12: false});
const ms = v => v.toFixed(v < 10 ? 2 : 1) + " ms";
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const say = text => { $("said").textContent = text; };

// Tables

function table(columns, rows, none) {
  if (!rows.length) return el("p", none, "none");
  const cell = (tag, [, , className], inside) => el(tag, inside, className);
  const head = el("tr", columns.map(c => cell("th", c, c[0])));
  return el("table", [
    el("thead", [head]),
    el("tbody", rows.map(r => el("tr", r.error ? failure(columns, r) : columns.map(c => cell("td", c, c[1](r)))))),
  ]);
}

// failure is a row that says what went wrong.
function failure(columns, r) {
  const why = el("td", r.error, "failed");
  why.colSpan = columns.length;
  return [why];
}

const command = c => c.own ? c.command + " (this page's)" : c.command;
const connColumns = [
  ["id", c => c.id, "n"], ["command", command], ["time", c => c.time + " s", "n"],
];
const otherColumns = [["id", c => c.id, "n"], ["user", c => c.user], ["db", c => c.db], ["command", command], ["time", c => c.time + " s", "n"]];
const hostColumn = ["host", c => c.host, "wide"];
// withHost adds the host to each line if there are several.
const withHost = (columns, list) => list.some(c => c.host) ? [columns[0], hostColumn, ...columns.slice(1)] : columns;
const conns = (columns, list, up) => table(withHost(columns, list), list, up ? "None at this moment." : "Server unreachable.");
const requestColumns = [
  ["conn. id", r => r.id, "n"], ["latency", r => ms(r.ms), "n"],
  ["", r => r.new ? [el("span", "login", "login")] : "kept"],
];

// Sides

function makeSide(driver, place) {
  const e = $("side").content.firstElementChild.cloneNode(true);
  e.classList.add(place);
  e.id = driver;
  const find = q => e.querySelector(q);
  const s = {driver, button: find("button"),
    id: find(".id"), counts: find(".counts"), requests: find(".requests"), conns: find(".conns")};
  const title = find("h2");
  title.id = driver + "-title";
  title.append(el("code", `sql.Open("${driver}", dsn)`));
  e.setAttribute("aria-labelledby", title.id);
  s.button.setAttribute("aria-label", "One request through " + driver);
  s.requests.setAttribute("aria-label", "Last requests through " + driver);
  s.conns.setAttribute("aria-label", "Connections of " + driver + " on the server now");
  s.button.addEventListener("click", () => request(s));
  $("sides").append(e);
  sides.push(s);
}

async function post(path) {
  const answer = await fetch(path, {method: "POST"});
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer;
}

async function request(s) {
  try {
    const r = await (await post(`sides/${s.driver}/request`)).json();
    say(r.error ? `${s.driver}: request ${r.n} failed: ${r.error}`
      : `${s.driver}: request ${r.n} was served by connection ${r.id} in ${ms(r.ms)}.`);
    await update();
  } catch (err) {
    say(`${s.driver}: ${err.message}`);
  }
}

function showSide(s, now, up) {
  const last = now.requests.find(r => !r.error);
  if (last) s.id.textContent = last.id;
  s.counts.textContent = `${plural(now.served, "request")} served, ${grouped(now.failed)} failed`;
  s.requests.replaceChildren(table(requestColumns, now.requests, "None yet: press One request."));
  s.conns.replaceChildren(conns(connColumns, now.connections, up));
}

// The switch

const at = [...document.querySelectorAll("#load [name=at]")];
let sending = Promise.resolve(); // changes are sent one after the other
let pending = 0;
let settled = 0; // answers to what was asked up to then have an older switch

function load() {
  const on = $("load-on").checked, n = at.find(r => r.checked).value, args = $("arguments").checked;
  pending++;
  sending = sending.then(() => post(`load?on=${on}&at=${n}&arguments=${args}`)).then(
    () => say(on ? `Under load: ${plural(+n, "request")} at a time on each side, ${args ? "with" : "without"} arguments.` : "The load is off."),
    err => say(err.message),
  ).then(() => {
    pending--;
    settled = asked;
  });
}

function showLoad(now, askedAs) {
  if (pending || askedAs <= settled) return;
  $("load-on").checked = now.on;
  $("arguments").checked = now.arguments;
  for (const r of at) r.checked = +r.value === now.atATime;
}

// The headline

function showHeadline(now, sides) {
  sides.forEach((s, i) => { $("logins-" + s.driver).textContent = grouped(now.logins[i]); });
  $("logins-of").textContent = sides.map(s => `${s.driver}: ${plural(s.served, "request")}`).join(", ");
  $("times").textContent = now.times == null ? "–" : now.times.toFixed(now.times < 10 ? 1 : 0);
  $("medians").textContent = now.times == null ? "Known once each side has served 20 requests within 10 s."
    : "median latency: " + sides.map((s, i) => `${s.driver} ${ms(now.median[i])}`).join(", ");
}

// Hosts

function showHosts(lanes, warnings) {
  $("hosts").hidden = !lanes.length;
  const text = warnings.join(" ");
  if ($("warnings").textContent !== text) $("warnings").textContent = text;
  $("lanes").replaceChildren(...lanes.map(lane => {
    const e = $("lane").content.firstElementChild.cloneNode(true);
    const set = (q, text) => { e.querySelector(q).textContent = text; };
    set("h3", lane.addr);
    set(".role", (lane.role === "primary" ? "PRIMARY" : lane.role) + (lane.up ? "" : " since " + clock(lane.downSince / 1000)) + (lane.product ? ", " + lane.product : ""));
    set(".pool", "mysql_pool: " + lane.state + (lane.since ? " since " + clock(lane.since / 1000) : "") + (lane.reason ? ": " + lane.reason : ""));
    set(".uses", `Connections: mysql ${lane.connections[0]}, mysql_pool ${lane.connections[1]}, others ${lane.others}`);
    e.querySelector(".warnings").append(...lane.warnings.map(text => el("li", text)));
    e.classList.toggle("warned", lane.warnings.length > 0);
    return e;
  }));
}

// Plots

const swatch = ({color, dash, width}) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  svg.setAttribute("viewBox", "0 0 24 10");
  svg.setAttribute("aria-hidden", "true");
  for (const [k, v] of Object.entries({x1: 0, x2: 24, y1: 5, y2: 5, "stroke-width": width || 3})) line.setAttribute(k, v);
  line.style.stroke = `var(${color})`;
  if (dash) line.setAttribute("stroke-dasharray", dash.join(" "));
  svg.append(line);
  return svg;
};

const plotsWanted = [
  {title: "Logins", unit: "per second", about: "logins", lines: [
    {name: "as the server counts, all clients", of: s => s.serverLogins, color: "--server", width: 7},
    {name: "mysql", of: s => s.logins[0], color: "--left"},
    {name: "mysql_pool", of: s => s.logins[1], color: "--right"}]},
  {title: "Connections", unit: "on the server", about: "connections", whole: true, lines: [
    {name: "mysql", of: s => s.connections[0], color: "--left"},
    {name: "mysql_pool", of: s => s.connections[1], color: "--right"}]},
  {title: "Latency", unit: "ms, logarithmic", about: "latency", log: true, lines: [
    {name: "mysql median", of: s => s.median[0], color: "--left"},
    {name: "mysql p99", of: s => s.p99[0], color: "--left", dash: [4, 4]},
    {name: "mysql_pool median", of: s => s.median[1], color: "--right"},
    {name: "mysql_pool p99", of: s => s.p99[1], color: "--right", dash: [4, 4]}]},
  {title: "Checkout wait", unit: "ms per request", about: "wait", lines: [
    {name: "mysql_pool", of: s => s.wait, color: "--right"}]},
  {title: "Statement cache", unit: "per second", about: "statements", lines: [
    {name: "mysql_pool hits", of: s => s.hits, color: "--right"},
    {name: "mysql_pool misses", of: s => s.misses, color: "--dim", dash: [4, 4]}]},
  {title: "Pinned connections", unit: "at a time", about: "pinned", whole: true, lines: [
    {name: "mysql_pool", of: s => s.pinned, color: "--right"}],
   note: back => {
     const by = {};
     for (const s of samples) for (const [kind, n] of Object.entries(s.pinnedBy || {})) by[kind] = Math.max(by[kind] || 0, n);
     const why = Object.keys(by).sort().join(", ");
     return `Why: ${why || "no session state"}. Restored since the start: ${grouped(back.undone)} undone, ${grouped(back.reset)} reset, ${grouped(back.closed)} closed.`;
   }},
];

const number = v => v == null ? "–" : String(Math.round(v * 100) / 100);

function makePlot(want) {
  const e = $("plot").content.firstElementChild.cloneNode(true);
  $("plots").append(e);
  e.querySelector("strong").textContent = want.title;
  e.querySelector(".unit").textContent = want.unit;
  const link = e.querySelector("a");
  link.href = "#about-" + want.about;
  link.setAttribute("aria-label", "What is this? " + want.title);
  link.addEventListener("click", () => { $("docs").open = true; });
  const box = e.querySelector(".canvas");
  const values = want.lines.map(line => {
    const value = el("b", "–");
    e.querySelector(".legend").append(el("li", [swatch(line), line.name + " ", value]));
    return value;
  });
  const p = {want, box, values, note: e.querySelector(".note")};
  const axis = {stroke: () => css("--dim"), grid: {stroke: () => css("--line"), width: 1}, ticks: {show: false}, font: "12px system-ui, sans-serif"};
  p.u = new uPlot({
    width: box.clientWidth, height: box.clientHeight,
    legend: {show: false},
    cursor: {sync: {key: "watch"}, drag: {x: false, y: false}},
    scales: {
      x: {range: () => { const now = Date.now() / 1000; return [now - span, now]; }},
      y: want.log
        ? {distr: 3, range: (u, min, max) => max > 0 ? [10 ** Math.floor(Math.log10(min)), 10 ** Math.ceil(Math.log10(max))] : [0.1, 10]}
        : {range: (u, min, max) => [0, Math.max(max * 1.1, 1)]},
    },
    axes: [
      {...axis, space: 75, size: 26, values: (u, at) => at.map(clock)},
      {...axis, space: 26, size: 40,
        ...(want.log && {grid: {...axis.grid, filter: (u, at) => at.map(v => Number.isInteger(Math.log10(v)) ? v : null)}}),
        incrs: want.whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined},
    ],
    series: [{}, ...want.lines.map(line => ({
      stroke: () => css(line.color), width: line.width || 2, dash: line.dash, points: {show: false},
    }))],
    hooks: {setCursor: [() => showValues(p)]},
  }, [[], ...want.lines.map(() => [])], box);
  plots.push(p);
}

// valueOf is null in a hole.
const valueOf = (line, row) => row && row.logins ? line.of(row) : null;

// showValues writes the values under the pointer, or the latest.
function showValues(p) {
  const {idx, left} = p.u.cursor;
  const row = idx != null && left >= 0 ? rows[idx] : rows.at(-1);
  p.want.lines.forEach((line, i) => { p.values[i].textContent = number(valueOf(line, row)); });
}

function showPlots(back) {
  rows = [];
  for (const s of samples) {
    // Nothing was sampled while the server was slow to answer, or this page's program stopped.
    if (rows.length && s.t - rows.at(-1).t > 5000) rows.push({t: s.t - 1});
    rows.push(s);
  }
  for (const p of plots) {
    p.u.setData([rows.map(row => row.t / 1000), ...p.want.lines.map(line => rows.map(row => valueOf(line, row)))]);
    showValues(p);
    p.box.setAttribute("aria-label", p.want.title + ", " + p.want.unit + ": " +
      p.want.lines.map((line, i) => `${line.name} ${p.values[i].textContent}`).join(", "));
    if (p.want.note) p.note.textContent = p.want.note(back);
  }
}

// The state

function showServer(text, unreachable) {
  const e = $("server");
  if (e.textContent !== text) e.textContent = text; // said aloud once
  e.classList.toggle("unreachable", unreachable);
}

function show(state, askedAs) {
  const server = state.server;
  showServer(server.up ? server.name : `Server unreachable since ${clock(server.since / 1000)}: ${server.error}`, !server.up);
  state.sides.forEach((now, i) => showSide(sides[i], now, server.up));
  showLoad(state.load, askedAs);
  showHeadline(state.headline, state.sides);
  showHosts(state.hosts, state.warnings);
  $("others-count").textContent = server.up ? state.others.length : "–";
  $("others").querySelector(".rows").replaceChildren(conns(otherColumns, state.others, server.up));
  const old = Date.now() - span * 1000;
  samples = [...samples, ...state.samples].filter(s => s.t > old);
  showPlots(state.takenBack);
}

let asked = 0, shown = 0;
async function update() {
  const mine = ++asked;
  const after = samples.length ? samples.at(-1).t : 0;
  const answer = await fetch("state?after=" + after, {signal: AbortSignal.timeout(5000)});
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const state = await answer.json();
  if (mine < shown) return; // a later one was faster
  shown = mine;
  const last = samples.length ? samples.at(-1).t : 0;
  state.samples = state.samples.filter(s => s.t > last);
  show(state, mine);
}

async function poll() {
  try {
    await update();
  } catch (err) {
    showServer("mysqlpool watch does not answer; start it again, and this page goes on.", true);
    for (const s of sides) s.conns.replaceChildren(el("p", "Unknown.", "none"));
  }
  setTimeout(poll, 1000);
}

makeSide("mysql", "left");
makeSide("mysql_pool", "right");
plotsWanted.forEach(makePlot);
$("load").addEventListener("change", load);
new ResizeObserver(() => {
  for (const p of plots) p.u.setSize({width: p.box.clientWidth, height: p.box.clientHeight});
}).observe($("plots"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const p of plots) p.u.redraw(false, true);
});
poll();
})();
