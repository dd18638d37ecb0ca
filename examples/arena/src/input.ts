// Where the visitor wants to go: mouse or finger (from the middle of the screen), or keys.

const KEYS: Record<string, [number, number]> = {
  KeyW: [0, -1],
  KeyS: [0, 1],
  KeyA: [-1, 0],
  KeyD: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

export class Input {
  private point = { x: 0, y: 0 };
  private held = new Set<string>();

  constructor(canvas: HTMLCanvasElement) {
    const aim = (event: PointerEvent) => {
      const reach = Math.min(innerWidth, innerHeight) * 0.22;
      this.point = {
        x: (event.clientX - innerWidth / 2) / reach,
        y: (event.clientY - innerHeight / 2) / reach,
      };
    };
    canvas.addEventListener("pointermove", aim);
    canvas.addEventListener("pointerdown", aim);
    addEventListener("keydown", event => {
      if (event.code in KEYS && !(event.target instanceof HTMLInputElement)) {
        this.held.add(event.code);
        event.preventDefault();
      }
    });
    addEventListener("keyup", event => this.held.delete(event.code));
    addEventListener("blur", () => this.held.clear());
  }

  /** The direction, at most 1 long; close to the middle of the screen means slowly. */
  direction(): { dx: number; dy: number } {
    let { x, y } = this.point;
    if (this.held.size) {
      x = y = 0;
      for (const key of this.held) {
        x += KEYS[key]![0];
        y += KEYS[key]![1];
      }
    }
    const length = Math.hypot(x, y);
    if (length < 0.08) return { dx: 0, dy: 0 };
    return length > 1 ? { dx: x / length, dy: y / length } : { dx: x, dy: y };
  }
}
