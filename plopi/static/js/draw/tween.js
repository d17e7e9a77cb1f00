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
