// Where the numbers come from: the live websocket, or the Prometheus text once a second.

export type Labels = Record<string, string>;
export type Metrics = Record<string, [Labels, number][]>;

export interface Sample {
  t: number; // milliseconds since 1970
  metrics: Metrics;
}

export type State = "connecting" | "live" | "offline";

const PERIOD = 1000;
const RETRY_SOCKET = 60_000;

/** Give each sample to `take`, for ever; tell `show` how it goes. */
export function follow(take: (sample: Sample) => void, show: (state: State, text: string) => void) {
  let polling = false;
  let lastTry = 0;

  const open = () => {
    lastTry = Date.now();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const url = `${scheme}//${location.host}/v1/metrics/live`;
    const socket = new WebSocket(url, "orochi.metrics.json");
    socket.onmessage = event => {
      let sample: Sample;
      try {
        sample = JSON.parse(event.data as string) as Sample;
      } catch {
        return socket.close();
      }
      polling = false;
      show("live", "live");
      take(sample);
    };
    socket.onclose = () => {
      if (!polling) {
        polling = true;
        void poll();
      }
    };
  };

  const poll = async () => {
    const began = performance.now();
    try {
      const answer = await fetch("/v1/metrics", { cache: "no-store" });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const text = await answer.text();
      if (!polling) return;
      show("live", "live, once a second");
      take({ t: Date.now(), metrics: parse(text) });
    } catch {
      show("offline", "no answer from the server");
    }
    if (Date.now() - lastTry > RETRY_SOCKET) open();
    setTimeout(() => polling && void poll(), Math.max(PERIOD - (performance.now() - began), 100));
  };

  open();
}

/** The Prometheus text format. Lines that are not of it are passed over. */
export function parse(text: string): Metrics {
  const metrics: Metrics = {};
  for (const line of text.split("\n")) {
    if (!line || line[0] === "#") continue;
    const found = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!found) continue;
    const labels: Labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      labels[name!] = value!.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    const value = found[3] === "+Inf" ? Infinity : Number(found[3]);
    (metrics[found[1]!] ??= []).push([labels, value]);
  }
  return metrics;
}

/** Two samples, and the questions one asks of them. */
export class Span {
  readonly seconds: number;

  constructor(
    readonly now: Sample,
    readonly before: Sample,
  ) {
    this.seconds = Math.max((now.t - before.t) / 1000, 0.001);
  }

  has(name: string): boolean {
    return name in this.now.metrics;
  }

  /** Sum over all series of a name that carry these labels. */
  value(name: string, labels: Labels = {}): number {
    return sum(this.now.metrics[name], labels);
  }

  /** Growth of a counter, a second. A counter that went back belongs to a new process. */
  rate(name: string, labels: Labels = {}): number {
    return this.grown(name, labels) / this.seconds;
  }

  /** What a histogram took in beyond `limit`, one of its bounds in seconds; a second. */
  beyond(name: string, limit: number): number {
    const within = (sample: Sample) =>
      (sample.metrics[`${name}_bucket`] ?? []).find(([own]) => Number(own.le) === limit)?.[1] ?? 0;
    const grown = within(this.now) - within(this.before);
    return Math.max(this.grown(`${name}_count`, {}) - Math.max(grown, 0), 0) / this.seconds;
  }

  /** All values that a label has. */
  values(name: string, label: string): string[] {
    const found = new Set<string>();
    for (const [labels] of this.now.metrics[name] ?? []) if (labels[label]) found.add(labels[label]);
    return [...found];
  }

  /** A quantile, in seconds, of what a histogram took in between the samples; null if nothing. */
  quantile(name: string, q: number, labels: Labels = {}): number | null {
    const limits = new Map<number, number>();
    const add = (sample: Sample, sign: number) => {
      for (const [own, value] of sample.metrics[`${name}_bucket`] ?? []) {
        if (!matches(own, labels)) continue;
        const limit = own.le === "+Inf" ? Infinity : Number(own.le);
        limits.set(limit, (limits.get(limit) ?? 0) + sign * value);
      }
    };
    add(this.now, 1);
    add(this.before, -1);
    const buckets = [...limits].sort((a, b) => a[0] - b[0]);
    const total = buckets.at(-1)?.[1] ?? 0;
    if (total <= 0) return null;
    let from = 0;
    let below = 0;
    for (const [limit, count] of buckets) {
      if (count >= q * total) {
        if (limit === Infinity) return from;
        return from + ((limit - from) * (q * total - below)) / Math.max(count - below, 1);
      }
      from = limit;
      below = count;
    }
    return from;
  }

  private grown(name: string, labels: Labels): number {
    return Math.max(this.value(name, labels) - sum(this.before.metrics[name], labels), 0);
  }
}

function matches(own: Labels, wanted: Labels): boolean {
  for (const key in wanted) if (own[key] !== wanted[key]) return false;
  return true;
}

function sum(series: [Labels, number][] | undefined, labels: Labels): number {
  let total = 0;
  for (const [own, value] of series ?? []) if (matches(own, labels)) total += value;
  return total;
}
