// What the page knows of the arena: the newest rows, and where each body is between two ticks.
//
// The server sends positions 20 times a second, a screen shows 60 or more frames. So the page draws
// the world as it was DELAY milliseconds ago and goes straight from one known position to the next.

export const SIZE = 4000; // of module.py
const TICK = 50;
const DELAY = 110;
const KEEP = 5;
const JUMP = 260; // a longer way in one tick is no movement: the player was eaten and starts anew

export interface Player {
  id: number;
  name: string;
  hue: number;
  kills: number;
  deaths: number;
  eatenBy: number;
}

export interface Body {
  id: number;
  x: number;
  y: number;
  r: number;
}

export interface Shown extends Body {
  vx: number;
  vy: number;
}

interface Track {
  samples: { t: number; x: number; y: number; r: number }[];
  shown: Shown;
}

export class World {
  readonly players = new Map<number, Player>();
  readonly pellets = new Map<number, { x: number; y: number; born: number }>();
  readonly tracks = new Map<number, Track>();
  updates = 0;

  private clock = 0;
  private stamped = false;

  /** The time of the tick whose rows are being applied. Ticks arrive unevenly: the clock follows
   * their rhythm and takes over only a part of each deviation. */
  private now(): number {
    if (!this.stamped) {
      const arrival = performance.now();
      const expected = this.clock + TICK;
      const late = arrival - expected;
      this.clock = Math.abs(late) > 250 ? arrival : expected + late * 0.1;
      this.stamped = true;
      setTimeout(() => (this.stamped = false), 0);
    }
    return this.clock;
  }

  moved(row: Body): void {
    this.updates++;
    const t = this.now();
    const track = this.tracks.get(row.id);
    if (!track) {
      this.tracks.set(row.id, {
        samples: [{ t, x: row.x, y: row.y, r: row.r }],
        shown: { id: row.id, x: row.x, y: row.y, r: row.r, vx: 0, vy: 0 },
      });
      return;
    }
    const last = track.samples[track.samples.length - 1]!;
    if (Math.hypot(row.x - last.x, row.y - last.y) > JUMP) {
      track.samples.length = 0;
      track.shown.r = 0; // it grows into view
    } else if (t - last.t > 2 * TICK) {
      // It stood still, and rows that do not change are not sent.
      track.samples.push({ t: t - TICK, x: last.x, y: last.y, r: last.r });
    }
    track.samples.push({ t, x: row.x, y: row.y, r: row.r });
    if (track.samples.length > KEEP) track.samples.shift();
  }

  gone(id: number): void {
    this.tracks.delete(id);
  }

  clear(): void {
    this.players.clear();
    this.pellets.clear();
    this.tracks.clear();
  }

  /** Bring every body to where it is shown at this frame; give them smallest first. */
  frame(dt: number): Shown[] {
    const at = performance.now() - DELAY;
    const bodies: Shown[] = [];
    const ease = 1 - Math.exp(-dt * 12);
    for (const { samples, shown } of this.tracks.values()) {
      let i = samples.length - 1;
      while (i > 0 && samples[i]!.t > at) i--;
      const from = samples[i]!;
      const to = samples[i + 1] ?? from;
      const part = to === from ? 0 : Math.min(Math.max((at - from.t) / (to.t - from.t), 0), 1);
      const x = from.x + (to.x - from.x) * part;
      const y = from.y + (to.y - from.y) * part;
      if (dt > 0) {
        shown.vx += ((x - shown.x) / dt - shown.vx) * ease;
        shown.vy += ((y - shown.y) / dt - shown.vy) * ease;
      }
      shown.x = x;
      shown.y = y;
      shown.r += (to.r - shown.r) * ease;
      bodies.push(shown);
    }
    return bodies.sort((a, b) => a.r - b.r);
  }

  /** The players in the arena, biggest first. */
  ranking(): { player: Player; mass: number }[] {
    const ranked = [];
    for (const [id, { samples }] of this.tracks) {
      const player = this.players.get(id);
      if (player) ranked.push({ player, mass: mass(samples[samples.length - 1]!.r) });
    }
    return ranked.sort((a, b) => b.mass - a.mass);
  }
}

export const mass = (r: number): number => Math.round((r * r) / 10);
