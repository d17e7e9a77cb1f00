/** Moving from one picture to another. */

/** Calls `step` with 0..1, eased, once per frame for `ms`, then `done`; returns a function that stops it at its end. */
export function tween(ms, step, done) {
  let stopped = false;
  const start = performance.now();
  const frame = (now) => {
    if (stopped) return;
    const t = Math.min(1, Math.max(0, (now - start) / ms));
    step(1 - (1 - t) ** 3);
    if (t < 1) requestAnimationFrame(frame);
    else done();
  };
  requestAnimationFrame(frame);
  return () => {
    stopped = true;
  };
}

/**
 * A scene on the way from an older one.
 * @param from the older nodes by id; @param widths the older arrows' widths by key; @param t 0..1
 */
export function between(from, widths, scene, t) {
  const nodes = scene.nodes.map((item) => {
    const old = from.get(item.id);
    if (!old) return { ...item, r: item.r * t };
    return { ...item, x: old.x + (item.x - old.x) * t, y: old.y + (item.y - old.y) * t, r: old.r + (item.r - old.r) * t };
  });
  const edges = scene.edges.map((item) => ({ ...item, width: (widths.get(item.key) ?? 0) * (1 - t) + item.width * t }));
  return t >= 1 ? scene : { ...scene, nodes, edges };
}

export function reducedMotion() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
