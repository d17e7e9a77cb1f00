/** A pie: parts of a whole as angles. Small ones are put together, since nobody can see or hit them. */

const SMALLEST = 0.02;
const MOST = 10;
/** From this part of a turn on a wedge has room for a number. */
const NUMBERED = 0.035;

/**
 * @param slices [{weight, ...}] heaviest first; @param rest weight of more that are not listed, @param hidden how many
 * @returns {kept: the slices with a wedge of their own, others: {weight, count} or null}
 */
export function mergeSmall(slices, whole, rest = 0, hidden = 0) {
  const large = slices.filter(({ weight }) => weight >= SMALLEST * whole).slice(0, MOST);
  const small = slices.slice(large.length);
  const few = small.length === 1 && !hidden && large.length < MOST;
  const kept = few ? slices : large;
  const weight = (few ? [] : small).reduce((sum, slice) => sum + slice.weight, rest);
  return { kept, others: weight > 0 ? { weight, count: (few ? 0 : small.length) + hidden } : null };
}

/** Where each wedge begins and ends, in turns (1: all around), clockwise from the top. */
export function wedges(weights, whole) {
  let at = 0;
  return weights.map((weight) => {
    const from = at;
    at += whole > 0 ? weight / whole : 0;
    return { from, to: Math.min(1, at) };
  });
}

/** The outline of a wedge about (0, 0); two arcs where it goes all around, since one cannot end where it begins. */
export function wedgePath({ from, to }, radius) {
  const point = (turn) => {
    const angle = 2 * Math.PI * turn;
    return `${(radius * Math.sin(angle)).toFixed(3)} ${(-radius * Math.cos(angle)).toFixed(3)}`;
  };
  const arc = (turn, long) => `A${radius} ${radius} 0 ${long ? 1 : 0} 1 ${point(turn)}`;
  if (to - from > 1 - 1e-9) return `M${point(0)}${arc(0.5, false)}${arc(1, false)}Z`;
  return `M0 0L${point(from)}${arc(to, to - from > 0.5)}Z`;
}

/** Where a wedge's number stands: [x, y], or null where there is no room for one. */
export function numberPlace({ from, to }, radius) {
  if (to - from < NUMBERED) return null;
  if (to - from > 1 - 1e-9) return [0, 0];
  const angle = Math.PI * (from + to);
  const out = radius * (to - from > 0.3 ? 0.55 : 0.72);
  return [out * Math.sin(angle), -out * Math.cos(angle)];
}
