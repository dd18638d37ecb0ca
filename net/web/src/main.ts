// The dashboard: each second one sample of the server's metrics, shown as tiles, lines and tables.

import "uplot/dist/uPlot.min.css";
import { Chart, History, type Format, type Line } from "./chart";
import { bytes, count, percent, seconds } from "./format";
import { follow, Span, type Sample } from "./metrics";

const POINTS = 180; // seconds shown
const WINDOW = 10; // seconds over which the tables count
const COLOURS = ["#34d399", "#60a5fa", "#fbbf24", "#f472b6", "#a78bfa", "#22d3ee"];
const GREEN = COLOURS[0]!;
const BLUE = COLOURS[1]!;
const AMBER = COLOURS[2]!;
const RED = "#f87171";
const CPU = "orochi_process_cpu_seconds_total";
const MEMORY = "orochi_process_resident_bytes";
const PENDING = "orochi_timers_pending";
const DUE = "orochi_timers_expired_total";
const MISSED = "orochi_timer_missed_total";
const LATENESS = "orochi_timer_lateness_seconds";
const LATE = 0.005; // seconds: what a game shows; one of the histogram's bounds
const RUNNING = "orochi_procedures_running";
const REQUESTS = "orochi_outbound_requests_total";
const FAILURES = "orochi_outbound_failures_total";

/** The server counts timers also for a module that has none. */
const hasTimers = (span: Span) => span.value(PENDING) > 0 || span.value(DUE) > 0;
const hasProcedures = (span: Span) => span.has(RUNNING);

const element = (id: string) => document.getElementById(id)!;
const samples: Sample[] = [];
const history = new History(POINTS);

// ---- tiles ------------------------------------------------------------------------------------

interface Tile {
  label: string;
  needs?(span: Span): boolean; // false: there is nothing to show
  show(span: Span): { value: string; more?: string; warn?: boolean };
}

const TILES: Tile[] = [
  {
    label: "Connections",
    show: s => ({
      value: count(s.value("orochi_connections")),
      more: `${count(s.value("orochi_workers"))} workers`,
    }),
  },
  {
    label: "Reducer calls",
    show: s => {
      const errors = s.rate("orochi_reducer_errors_total");
      return {
        value: `${count(s.rate("orochi_reducer_calls_total"))}/s`,
        more: `${count(errors)} errors/s`,
        warn: errors > 0,
      };
    },
  },
  {
    label: "Call latency, p99",
    show: s => ({
      value: maybe(s.quantile("orochi_reducer_duration_seconds", 0.99), seconds),
      more: `p50 ${maybe(s.quantile("orochi_reducer_duration_seconds", 0.5), seconds)}`,
    }),
  },
  {
    label: "Messages out",
    show: s => ({
      value: `${count(s.rate("orochi_messages_out_total"))}/s`,
      more: `${bytes(s.rate("orochi_bytes_out_total"))}/s`,
    }),
  },
  {
    label: "Commits",
    show: s => ({
      value: `${count(s.rate("orochi_commits_total"))}/s`,
      more: `${count(s.rate("orochi_tx_conflicts_total"))} reruns/s`,
    }),
  },
  {
    label: "Timers pending",
    needs: hasTimers,
    show: s => ({
      value: count(s.value(PENDING)),
      more: `${count(s.rate(DUE))} due/s`,
    }),
  },
  {
    label: "Timer lateness, p99",
    needs: hasTimers,
    show: s => ({
      value: maybe(s.quantile(LATENESS, 0.99), seconds),
      more: `${count(s.beyond(LATENESS, LATE))} late/s, ${count(s.value(MISSED))} missed`,
      warn: s.rate(MISSED) > 0,
    }),
  },
  {
    label: "Procedures running",
    needs: hasProcedures,
    show: s => ({
      value: count(s.value(RUNNING)),
      more: `${count(s.value("orochi_procedures_waiting"))} waiting, ${count(s.value("orochi_procedures_queued"))} queued`,
    }),
  },
  {
    label: "Procedure calls",
    needs: hasProcedures,
    show: s => {
      const errors = s.rate("orochi_procedure_errors_total");
      return {
        value: `${count(s.rate("orochi_procedure_calls_total"))}/s`,
        more: `${count(errors)} errors/s`,
        warn: errors > 0,
      };
    },
  },
  {
    label: "Outbound requests",
    needs: hasProcedures,
    show: s => {
      const failures = s.rate(FAILURES);
      return {
        value: `${count(s.value("orochi_outbound_requests_open"))} open`,
        more: `${count(s.rate(REQUESTS))}/s, ${count(failures)} failed/s`,
        warn: failures > 0,
      };
    },
  },
  {
    label: "Processor",
    needs: s => s.has(CPU),
    show: s => ({
      value: percent(s.rate(CPU)),
      more: "of one core",
    }),
  },
  {
    label: "Memory",
    needs: s => s.has(MEMORY),
    show: s => ({
      value: bytes(s.value(MEMORY)),
      more: `${count(s.value("orochi_table_rows"))} rows`,
    }),
  },
];

function maybe(value: number | null, format: Format): string {
  return value === null ? "–" : format(value);
}

const tiles = TILES.map(({ label, needs, show }) => {
  const card = document.createElement("article");
  card.className = "card tile";
  const [name, value, more] = ["label", "value", "more"].map(kind => {
    const line = document.createElement("div");
    line.className = kind;
    card.append(line);
    return line as HTMLElement;
  }) as [HTMLElement, HTMLElement, HTMLElement];
  name.textContent = label;
  element("tiles").append(card);
  return (span: Span) => {
    card.hidden = needs !== undefined && !needs(span);
    const now = show(span);
    value.textContent = now.value;
    more.textContent = now.more ?? "";
    card.classList.toggle("warn", now.warn ?? false);
    return !card.hidden;
  };
});

/** As few rows as `most` in each allow, and as even as they can be. */
function columns(tiles: number, most: number): string {
  return `${Math.ceil(tiles / Math.ceil(tiles / most))}`;
}

function showTiles(span: Span): void {
  const shown = tiles.filter(tile => tile(span)).length;
  element("tiles").style.setProperty("--wide", columns(shown, 8));
  element("tiles").style.setProperty("--middle", columns(shown, 4));
}

// ---- lines ------------------------------------------------------------------------------------

function line(key: string, label: string, colour: string): Line {
  return { key, label, colour };
}

const fixed = (...lines: Line[]) => () => lines;

/** One line for each of the busiest reducers. Once shown it keeps its place and colour. */
const shown: string[] = [];
function reducerLines(): Line[] {
  return shown.map((name, i) => line(`calls:${name}`, name, COLOURS[i % COLOURS.length]!));
}

const rate: Format = value => `${count(value)}/s`;
const charts = [
  new Chart(element("charts"), "Reducer calls", rate, reducerLines),
  new Chart(
    element("charts"),
    "Call latency",
    seconds,
    fixed(line("p50", "p50", GREEN), line("p90", "p90", BLUE), line("p99", "p99", AMBER)),
  ),
  new Chart(
    element("charts"),
    "Messages",
    rate,
    fixed(line("messagesIn", "in", BLUE), line("messagesOut", "out", GREEN)),
  ),
  new Chart(
    element("charts"),
    "Traffic",
    value => `${bytes(value)}/s`,
    fixed(line("bytesIn", "in", BLUE), line("bytesOut", "out", GREEN)),
    true,
  ),
  new Chart(
    element("charts"),
    "Commits",
    count,
    fixed(
      line("commits", "commits/s", GREEN),
      line("conflicts", "reruns/s", RED),
      line("lag", "not yet on disk", AMBER),
    ),
  ),
  new Chart(
    element("charts"),
    "Timers",
    rate,
    fixed(line("due", "due", GREEN), line("late", "5 ms late", AMBER), line("missed", "missed", RED)),
  ),
  new Chart(
    element("charts"),
    "Timer lateness",
    seconds,
    fixed(line("late50", "p50", GREEN), line("late99", "p99", AMBER)),
  ),
  new Chart(
    element("charts"),
    "Procedures",
    count,
    fixed(line("running", "running", GREEN), line("waiting", "waiting", BLUE), line("queued", "queued", AMBER)),
  ),
  new Chart(
    element("charts"),
    "Procedure calls",
    rate,
    fixed(line("procedureCalls", "calls", GREEN), line("procedureErrors", "errors", RED)),
  ),
  new Chart(
    element("charts"),
    "Outbound requests",
    count,
    fixed(
      line("requestsOpen", "open", GREEN),
      line("requests", "begun/s", BLUE),
      line("failures", "failed/s", RED),
    ),
  ),
  new Chart(element("charts"), "Connections", count, fixed(line("connections", "open", GREEN))),
  new Chart(element("charts"), "Processor", percent, fixed(line("cpu", "of one core", AMBER))),
  new Chart(element("charts"), "Memory", bytes, fixed(line("memory", "resident", BLUE)), true),
];

function point(span: Span): Record<string, number | null> {
  const latency = (q: number) => span.quantile("orochi_reducer_duration_seconds", q);
  const values: Record<string, number | null> = {
    p50: latency(0.5),
    p90: latency(0.9),
    p99: latency(0.99),
    messagesIn: span.rate("orochi_messages_in_total"),
    messagesOut: span.rate("orochi_messages_out_total"),
    bytesIn: span.rate("orochi_bytes_in_total"),
    bytesOut: span.rate("orochi_bytes_out_total"),
    commits: span.rate("orochi_commits_total"),
    conflicts: span.rate("orochi_tx_conflicts_total"),
    lag: span.value("orochi_durable_lag_commits"),
    late50: span.quantile(LATENESS, 0.5),
    late99: span.quantile(LATENESS, 0.99),
    connections: span.value("orochi_connections"),
    cpu: span.has(CPU) ? span.rate(CPU) : null,
    memory: span.has(MEMORY) ? span.value(MEMORY) : null,
    ...(hasTimers(span) ? timerPoint(span) : {}),
    ...(hasProcedures(span) ? procedurePoint(span) : {}),
  };
  const busiest = span
    .values("orochi_reducer_calls_total", "reducer")
    .map(reducer => ({ reducer, calls: span.rate("orochi_reducer_calls_total", { reducer }) }))
    .sort((a, b) => b.calls - a.calls);
  for (const { reducer, calls } of busiest) {
    values[`calls:${reducer}`] = calls;
    if (calls > 0 && !shown.includes(reducer) && shown.length < COLOURS.length) shown.push(reducer);
  }
  return values;
}

function timerPoint(span: Span): Record<string, number> {
  return { due: span.rate(DUE), late: span.beyond(LATENESS, LATE), missed: span.rate(MISSED) };
}

function procedurePoint(span: Span): Record<string, number> {
  return {
    running: span.value(RUNNING),
    waiting: span.value("orochi_procedures_waiting"),
    queued: span.value("orochi_procedures_queued"),
    procedureCalls: span.rate("orochi_procedure_calls_total"),
    procedureErrors: span.rate("orochi_procedure_errors_total"),
    requestsOpen: span.value("orochi_outbound_requests_open"),
    requests: span.rate(REQUESTS),
    failures: span.rate(FAILURES),
  };
}

// ---- tables -----------------------------------------------------------------------------------

type Cell = string | { text: string; bad?: boolean; bar?: number };

function fill(id: string, heads: string[], rows: Cell[][]): void {
  const head = document.createElement("tr");
  head.append(...heads.map(text => Object.assign(document.createElement("th"), { textContent: text })));
  const body = rows.map(cells => {
    const row = document.createElement("tr");
    row.append(
      ...cells.map(cell => {
        const { text, bad = false, bar = undefined } = typeof cell === "string" ? { text: cell } : cell;
        const box = document.createElement("td");
        box.textContent = text;
        box.classList.toggle("bad", bad);
        if (bar !== undefined) {
          const mark = document.createElement("span");
          mark.className = "bar";
          mark.style.width = `${Math.round(bar * 90)}px`;
          box.append(mark);
        }
        return box;
      }),
    );
    return row;
  });
  if (!rows.length) {
    const row = document.createElement("tr");
    const box = Object.assign(document.createElement("td"), { textContent: "none yet", className: "none" });
    box.colSpan = heads.length;
    row.append(box);
    body.push(row);
  }
  element(id).replaceChildren(head, ...body);
}

/** A line for each function of a kind, the busiest first. */
function functions(span: Span, kind: "reducer" | "procedure"): void {
  const lines = span.values(`orochi_${kind}_calls_total`, kind).map(name => {
    const labels = { [kind]: name };
    const errors = span.rate(`orochi_${kind}_errors_total`, labels);
    const quantile = (q: number) =>
      maybe(span.quantile(`orochi_${kind}_duration_seconds`, q, labels), seconds);
    const calls = span.rate(`orochi_${kind}_calls_total`, labels);
    const total = span.value(`orochi_${kind}_calls_total`, labels);
    const cells: Cell[] = [
      name,
      count(calls),
      count(total),
      { text: count(errors), bad: errors > 0 },
      count(span.value(`orochi_${kind}_errors_total`, labels)),
      ...[0.5, 0.9, 0.99].map(quantile),
    ];
    return { calls, total, cells };
  });
  lines.sort((a, b) => b.calls - a.calls || b.total - a.total);
  fill(
    `${kind}s`,
    [kind, "calls/s", "calls", "errors/s", "errors", "p50", "p90", "p99"],
    lines.map(line => line.cells),
  );
}

function tables(span: Span): void {
  functions(span, "reducer");
  element("procedures").closest("article")!.hidden = !hasProcedures(span);
  functions(span, "procedure");
  const rows = span
    .values("orochi_table_rows", "table")
    .map(table => ({ table, rows: span.value("orochi_table_rows", { table }) }))
    .sort((a, b) => b.rows - a.rows);
  const most = Math.max(rows[0]?.rows ?? 0, 1);
  fill(
    "rows",
    ["table", "rows"],
    rows.map(r => [r.table, { text: count(r.rows), bar: r.rows / most }]),
  );
  const workers = new Set([
    ...span.values("orochi_type_cache_hits_total", "worker"),
    ...span.values("orochi_pool_hits_total", "worker"),
  ]);
  const ratio = (what: string, worker: string) => {
    const hits = span.value(`orochi_${what}_hits_total`, { worker });
    const all = hits + span.value(`orochi_${what}_misses_total`, { worker });
    return all > 0 ? percent(hits / all) : "–";
  };
  fill(
    "workers",
    ["worker", "cache hits", "cache/s", "pool hits", "pool/s"],
    [...workers].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).map(worker => [
      worker,
      ratio("type_cache", worker),
      count(
        span.rate("orochi_type_cache_hits_total", { worker }) +
          span.rate("orochi_type_cache_misses_total", { worker }),
      ),
      ratio("pool", worker),
      count(
        span.rate("orochi_pool_hits_total", { worker }) +
          span.rate("orochi_pool_misses_total", { worker }),
      ),
    ]),
  );
}

// ---- each second ------------------------------------------------------------------------------

function take(sample: Sample): void {
  const before = samples.at(-1);
  if (before && sample.t <= before.t) return;
  samples.push(sample);
  if (samples.length > WINDOW + 1) samples.shift();
  if (!before) return;
  const second = new Span(sample, before);
  history.add(sample.t, point(second));
  if (document.hidden) return; // what nobody sees is not drawn
  showTiles(second);
  for (const chart of charts) chart.update(history);
  tables(new Span(sample, samples[0]!));
}

follow(take, (state, text) => {
  document.body.dataset.state = state;
  element("state").lastElementChild!.textContent = text;
});
