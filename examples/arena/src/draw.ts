// The picture: floor, pellets, blobs from small to big, and the little map.

import { SIZE, type Shown, type World } from "./world";

export interface Camera {
  x: number;
  y: number;
  zoom: number; // pixels for one unit
}

const GRID = 100;

export class Painter {
  private readonly paper: CanvasRenderingContext2D;
  private readonly mapPaper: CanvasRenderingContext2D;
  private mapAge = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly map: HTMLCanvasElement,
    private readonly world: World,
  ) {
    this.paper = canvas.getContext("2d", { alpha: false })!;
    this.mapPaper = map.getContext("2d")!;
    addEventListener("resize", () => this.resize());
    this.resize();
  }

  private resize(): void {
    const ratio = Math.min(devicePixelRatio, 2);
    this.canvas.width = Math.round(innerWidth * ratio);
    this.canvas.height = Math.round(innerHeight * ratio);
  }

  draw(bodies: Shown[], camera: Camera, me: number | undefined): void {
    const { paper, canvas } = this;
    const scale = (camera.zoom * canvas.width) / innerWidth;
    const halfW = canvas.width / 2 / scale;
    const halfH = canvas.height / 2 / scale;
    const view = {
      left: camera.x - halfW,
      right: camera.x + halfW,
      top: camera.y - halfH,
      bottom: camera.y + halfH,
    };
    paper.setTransform(1, 0, 0, 1, 0, 0);
    paper.fillStyle = "#090d18";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.setTransform(
      scale,
      0,
      0,
      scale,
      canvas.width / 2 - camera.x * scale,
      canvas.height / 2 - camera.y * scale,
    );
    this.floor(view, scale);
    this.pellets(view);
    for (const body of bodies) {
      const { x, y, r } = body;
      if (x + r > view.left && x - r < view.right && y + r > view.top && y - r < view.bottom)
        this.blob(body, scale, body.id === me);
    }
    if (++this.mapAge % 6 === 0) this.drawMap(bodies, view, me);
  }

  private floor(view: View, scale: number): void {
    const { paper } = this;
    const left = Math.max(0, view.left);
    const right = Math.min(SIZE, view.right);
    const top = Math.max(0, view.top);
    const bottom = Math.min(SIZE, view.bottom);
    paper.fillStyle = "#111a2e";
    paper.fillRect(0, 0, SIZE, SIZE);
    paper.beginPath();
    for (let x = Math.ceil(left / GRID) * GRID; x <= right; x += GRID) {
      paper.moveTo(x, top);
      paper.lineTo(x, bottom);
    }
    for (let y = Math.ceil(top / GRID) * GRID; y <= bottom; y += GRID) {
      paper.moveTo(left, y);
      paper.lineTo(right, y);
    }
    paper.strokeStyle = "rgb(148 163 184 / 8%)";
    paper.lineWidth = 1.4 / scale;
    paper.stroke();
    paper.strokeStyle = "rgb(52 211 153 / 45%)";
    paper.lineWidth = 6;
    paper.strokeRect(-3, -3, SIZE + 6, SIZE + 6);
  }

  private pellets(view: View): void {
    const { paper } = this;
    const now = performance.now();
    for (const [id, { x, y, born }] of this.world.pellets) {
      if (x < view.left - 8 || x > view.right + 8 || y < view.top - 8 || y > view.bottom + 8) continue;
      const grown = Math.min((now - born) / 400, 1);
      paper.fillStyle = PELLET_COLOURS[id % PELLET_COLOURS.length]!;
      paper.beginPath();
      paper.arc(x, y, (4.5 + (id % 3)) * grown, 0, TURN);
      paper.fill();
    }
  }

  private blob(body: Shown, scale: number, mine: boolean): void {
    const { paper } = this;
    const { x, y, r, vx, vy } = body;
    const player = this.world.players.get(body.id);
    const hue = player?.hue ?? 0;
    paper.fillStyle = `hsl(${hue} 72% 56%)`;
    paper.strokeStyle = mine ? "#ffffff" : `hsl(${hue} 70% 42%)`;
    paper.lineWidth = Math.max(r * 0.09, 2);
    paper.beginPath();
    paper.arc(x, y, Math.max(r - paper.lineWidth / 2, 1), 0, TURN);
    paper.fill();
    paper.stroke();

    const size = r * scale;
    if (size < 9) return;
    const speed = Math.hypot(vx, vy);
    const lookX = speed > 4 ? vx / speed : 0;
    const lookY = speed > 4 ? vy / speed : 0;
    for (const side of [-1, 1]) {
      const eyeX = x + lookX * r * 0.38 - lookY * side * r * 0.34 + (speed > 4 ? 0 : side * r * 0.34);
      const eyeY = y + lookY * r * 0.38 + lookX * side * r * 0.34;
      paper.fillStyle = "#ffffff";
      paper.beginPath();
      paper.arc(eyeX, eyeY, r * 0.21, 0, TURN);
      paper.fill();
      paper.fillStyle = "#10182a";
      paper.beginPath();
      paper.arc(eyeX + lookX * r * 0.08, eyeY + lookY * r * 0.08, r * 0.11, 0, TURN);
      paper.fill();
    }
    if (player && size > 13) {
      const height = Math.max(12 / scale, r * 0.3);
      paper.font = `600 ${height}px ui-sans-serif, system-ui, sans-serif`;
      paper.textAlign = "center";
      paper.textBaseline = "top";
      paper.lineWidth = height * 0.22;
      paper.lineJoin = "round";
      paper.strokeStyle = "rgb(9 13 24 / 75%)";
      paper.strokeText(player.name, x, y + r + height * 0.25);
      paper.fillStyle = mine ? "#a7f3d0" : "#e6edf7";
      paper.fillText(player.name, x, y + r + height * 0.25);
    }
  }

  private drawMap(bodies: Shown[], view: View, me: number | undefined): void {
    const { mapPaper: paper, map } = this;
    const unit = map.width / SIZE;
    paper.clearRect(0, 0, map.width, map.height);
    for (const { id, x, y, r } of bodies) {
      const hue = this.world.players.get(id)?.hue ?? 0;
      paper.fillStyle = id === me ? "#ffffff" : `hsl(${hue} 70% 58%)`;
      paper.beginPath();
      paper.arc(x * unit, y * unit, Math.max(r * unit, id === me ? 2.6 : 1.3), 0, TURN);
      paper.fill();
    }
    paper.strokeStyle = "rgb(230 237 247 / 40%)";
    paper.strokeRect(
      view.left * unit,
      view.top * unit,
      (view.right - view.left) * unit,
      (view.bottom - view.top) * unit,
    );
  }
}

interface View {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const TURN = Math.PI * 2;
const PELLET_COLOURS = [12, 45, 90, 160, 200, 265, 320].map(hue => `hsl(${hue} 85% 66%)`);
