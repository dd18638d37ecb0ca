// What a bot does: run from the bigger, hunt the smaller, else go for the nearest pellet.

export interface Body {
  id: number;
  x: number;
  y: number;
  r: number;
}

export interface World {
  bodies: Map<number, Body>;
  pellets: Map<number, { x: number; y: number }>;
}

const EDGE = 1.12; // of module.py
const SIGHT = 420;

export class Brain {
  private courage = 0.6 + Math.random() * 0.8;
  private wander = Math.random() * Math.PI * 2;

  think(self: Body, world: World): { dx: number; dy: number } {
    const reach = SIGHT + self.r * 2;
    let fleeX = 0;
    let fleeY = 0;
    let prey: Body | undefined;
    let preyScore = 0;
    for (const other of world.bodies.values()) {
      const dx = other.x - self.x;
      const dy = other.y - self.y;
      if (other.id === self.id || dx > reach || dx < -reach || dy > reach || dy < -reach) continue;
      const gap = Math.max(Math.hypot(dx, dy) - other.r, 1);
      if (other.r > self.r * EDGE && gap < 170 / this.courage) {
        fleeX -= dx / (gap * gap);
        fleeY -= dy / (gap * gap);
      } else if (other.r * EDGE < self.r && gap < 240 * this.courage) {
        const score = other.r / gap;
        if (score > preyScore) {
          preyScore = score;
          prey = other;
        }
      }
    }
    if (fleeX || fleeY) return this.towards(fleeX, fleeY);
    if (prey) return this.towards(prey.x - self.x, prey.y - self.y);
    return this.graze(self, world, reach);
  }

  private graze(self: Body, world: World, reach: number): { dx: number; dy: number } {
    let best: { x: number; y: number } | undefined;
    let nearest = reach * reach;
    for (const pellet of world.pellets.values()) {
      const dx = pellet.x - self.x;
      const dy = pellet.y - self.y;
      const distance = dx * dx + dy * dy;
      if (distance < nearest) {
        nearest = distance;
        best = pellet;
      }
    }
    if (best) return this.towards(best.x - self.x, best.y - self.y);
    this.wander += (Math.random() - 0.5) * 1.2;
    return this.towards(Math.cos(this.wander), Math.sin(this.wander));
  }

  private towards(x: number, y: number): { dx: number; dy: number } {
    const length = Math.hypot(x, y) || 1;
    return { dx: x / length, dy: y / length };
  }
}
