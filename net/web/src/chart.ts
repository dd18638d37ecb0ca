// One card with a plot: title, legend with the values under the cursor, lines over time.

import uPlot from "uplot";

export interface Line {
  key: string;
  label: string;
  colour: string;
}

export type Format = (value: number) => string;

/** The points of the last minutes, a column for each key. */
export class History {
  readonly times: number[] = [];
  private readonly columns = new Map<string, (number | null)[]>();

  constructor(private readonly length: number) {}

  add(t: number, values: Record<string, number | null>): void {
    const at = this.times.length;
    this.times.push(t / 1000);
    for (const key in values)
      if (!this.columns.has(key)) this.columns.set(key, new Array<null>(at).fill(null));
    for (const [key, column] of this.columns) column.push(values[key] ?? null);
    if (this.times.length > this.length) {
      this.times.shift();
      for (const column of this.columns.values()) column.shift();
    }
  }

  column(key: string): (number | null)[] {
    return this.columns.get(key) ?? new Array<null>(this.times.length).fill(null);
  }
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300]; // what a time of day can tell apart
const POWERS = Array.from({ length: 45 }, (_, i) => 2 ** i);
const AXIS: uPlot.Axis = {
  stroke: "#8496b5",
  font: "11px ui-sans-serif, system-ui, sans-serif",
  grid: { stroke: "#1b2540", width: 1 },
  ticks: { show: false },
};

export class Chart {
  private readonly card: HTMLElement;
  private readonly plotBox: HTMLElement;
  private readonly legend: HTMLElement;
  private plot: uPlot | undefined;
  private lines: Line[] = [];
  private index: number | null = null;

  constructor(
    parent: HTMLElement,
    title: string,
    private readonly format: Format,
    private readonly pick: () => Line[],
    private readonly binary = false, // ticks at powers of two
  ) {
    this.card = document.createElement("article");
    this.card.className = "card";
    this.card.hidden = true;
    const top = document.createElement("div");
    top.className = "top";
    const heading = document.createElement("h2");
    heading.textContent = title;
    this.legend = document.createElement("div");
    this.legend.className = "legend";
    this.plotBox = document.createElement("div");
    this.plotBox.className = "plot";
    top.append(heading, this.legend);
    this.card.append(top, this.plotBox);
    parent.append(this.card);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.plotBox);
  }

  update(history: History): void {
    const lines = this.pick();
    // What the server does not measure, or a module does not have, takes no room.
    this.card.hidden = lines.every(line => history.column(line.key).every(value => value === null));
    if (this.card.hidden) return;
    if (!this.plot || lines.map(l => l.key).join() !== this.lines.map(l => l.key).join()) {
      this.lines = lines;
      this.build();
    }
    this.plot!.setData([history.times, ...lines.map(line => history.column(line.key))]);
    this.values();
  }

  private size(): { width: number; height: number } {
    return { width: this.plotBox.clientWidth, height: this.plotBox.clientHeight };
  }

  private build(): void {
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        ...this.size(),
        legend: { show: false },
        cursor: { points: { size: 6 }, y: false, sync: { key: "time" } },
        padding: [8, 28, 0, 0], // half of the last time of day stands beyond the plot
        scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.12 : 1] } },
        axes: [
          { ...AXIS, size: 26, space: 74, incrs: SECONDS, values: (_, ticks) => ticks.map(clock) },
          {
            ...AXIS,
            size: 62,
            space: 34,
            ...(this.binary ? { incrs: POWERS } : {}),
            values: (_, ticks) => once(ticks.map(v => this.format(v).replace("/s", ""))),
          },
        ],
        series: [
          {},
          ...this.lines.map(({ label, colour }) => ({
            label,
            stroke: colour,
            fill: this.lines.length < 3 ? `${colour}1f` : undefined,
            width: 1.75,
            spanGaps: true,
            // A line has two ends: one value alone is a point.
            points: { show: true, size: 6, fill: colour, width: 0, filter: (plot: uPlot, at: number) => alone(plot.data[at]!) },
          })),
        ],
        hooks: {
          setCursor: [
            plot => {
              this.index = plot.cursor.idx ?? null;
              this.values();
            },
          ],
        },
      },
      [[], ...this.lines.map(() => [])],
      this.plotBox,
    );
    this.legend.replaceChildren(
      ...this.lines.map(({ label, colour }) => {
        const item = document.createElement("span");
        const dot = document.createElement("i");
        dot.style.background = colour;
        item.append(dot, `${label} `, document.createElement("b"));
        return item;
      }),
    );
  }

  private values(): void {
    this.lines.forEach((_, i) => {
      const column = this.plot?.data[i + 1] ?? [];
      const value = this.index === null ? column.at(-1) : column[this.index];
      this.legend.children[i]!.querySelector("b")!.textContent =
        value == null ? "–" : this.format(value);
    });
  }
}

/** Labels, without those that say again what the one before said: coarse formats of fine ticks. */
function once(labels: string[]): string[] {
  return labels.map((label, i) => (label === labels[i - 1] ? "" : label));
}

/** The place of the only value there is; none where there are several. */
function alone(column: ArrayLike<number | null | undefined>): number[] {
  const places = Array.from(column, (value, i) => (value == null ? -1 : i)).filter(i => i >= 0);
  return places.length === 1 ? places : [];
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}
