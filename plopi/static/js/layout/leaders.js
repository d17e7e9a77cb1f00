/**
 * Places for labels that found none beside their circles: a little farther off, at the end of a thin line. As everywhere, in screen
 * pixels, and nothing overlaps.
 */
import { circleHitsRect, contains, lengthInside, overlaps } from "./geometry.js";

const DISTANCES = [14, 24, 36, 50, 66];
const DIRECTIONS = Array.from({ length: 16 }, (_, i) => (i * Math.PI) / 8);
/** A leader never crosses another circle or label; what it costs to lie on arrows, and to be long. */
const PER_PIXEL = 0.8;
const SHORT_COST = 14;

/**
 * @param circle {x, y, r, sizes}
 * @param world {taken: circles to keep off, placed: rectangles to keep off, leaders: lines to keep off, lines: arrows, bounds, costOf}
 * @returns {x0, y0, x1, y1, level, side, align, leader: [[x, y], [x, y]]}, or null
 */
export function placeFar(circle, world) {
  let best = null;
  let lowest = Infinity;
  for (const [level, size] of circle.sizes.entries()) {
    for (const distance of DISTANCES) {
      const base = distance * PER_PIXEL + level * SHORT_COST;
      if (base >= lowest) break;
      for (const angle of DIRECTIONS) {
        const spot = spotAt(circle, size, distance, angle);
        if (!free(spot, circle, world)) continue;
        const cost = base + world.costOf(spot, lowest - base);
        if (cost < lowest) [best, lowest] = [{ ...spot, level, side: "far" }, cost];
      }
    }
  }
  return best;
}

function spotAt({ x, y, r }, { width, height }, distance, angle) {
  const [ux, uy] = [Math.cos(angle), Math.sin(angle)];
  const [ax, ay] = [x + ux * (r + distance), y + uy * (r + distance)];
  const align = ux > 0.3 ? "start" : ux < -0.3 ? "end" : "middle";
  const x0 = align === "start" ? ax : align === "end" ? ax - width : ax - width / 2;
  const y0 = align !== "middle" ? ay - height / 2 : uy > 0 ? ay : ay - height;
  return { x0, y0, x1: x0 + width, y1: y0 + height, align, leader: [[x + ux * (r + 1), y + uy * (r + 1)], [ax, ay]] };
}

function free(spot, circle, { taken, placed, leaders, bounds }) {
  const [from, to] = spot.leader;
  return (
    contains(bounds, spot) &&
    !placed.some((other) => overlaps(other, spot) || lengthInside(from, to, other) > 0) &&
    !leaders.some(([a, b]) => lengthInside(a, b, spot) > 0 || cross(a, b, from, to)) &&
    !taken.some((other) => circleHitsRect(other.x, other.y, other.r + 2, spot) || (other !== circle && near(other, from, to)))
  );
}

function near({ x, y, r }, [ax, ay], [bx, by]) {
  const squared = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
  const t = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared));
  return Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) < r + 2;
}

function cross(a, b, c, d) {
  const side = (p, q, s) => Math.sign((q[0] - p[0]) * (s[1] - p[1]) - (q[1] - p[1]) * (s[0] - p[0]));
  return side(a, b, c) !== side(a, b, d) && side(c, d, a) !== side(c, d, b);
}
