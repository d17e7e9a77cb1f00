/** Keeps circles apart: the last pass of a layout, in which only what is too close moves, and no further than it must. */

const PASSES = 80;
/** Room for an arrowhead between two circles. */
const GAP = 11;

/**
 * @param circles [{x, y, r, fixed}], moved in place
 * @param limits rectangle that centres and radii must stay in
 */
export function separateCircles(circles, limits) {
  for (let pass = 0; pass < PASSES; pass++) {
    let moved = false;
    for (let i = 0; i < circles.length; i++) {
      for (let j = i + 1; j < circles.length; j++) moved = part(circles[i], circles[j]) || moved;
    }
    for (const circle of circles) keepIn(circle, limits);
    if (!moved) return;
  }
}

function part(a, b) {
  const room = a.r + b.r + GAP;
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const distance = Math.hypot(dx, dy);
  if (distance >= room - 0.01) return false;
  const free = (a.fixed ? 0 : 1) + (b.fixed ? 0 : 1);
  if (!free) return false;
  const [ux, uy] = distance > 0.01 ? [dx / distance, dy / distance] : [1, 0];
  const by = (room - distance) / free;
  if (!a.fixed) {
    a.x -= ux * by;
    a.y -= uy * by;
  }
  if (!b.fixed) {
    b.x += ux * by;
    b.y += uy * by;
  }
  return true;
}

function keepIn(circle, limits) {
  if (circle.fixed) return;
  circle.x = Math.min(limits.x1 - circle.r, Math.max(limits.x0 + circle.r, circle.x));
  circle.y = Math.min(limits.y1 - circle.r, Math.max(limits.y0 + circle.r, circle.y));
}
