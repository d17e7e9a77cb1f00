/** Weight over time as bars: where they stand, and which of them a stretch of time covers. Times in nanoseconds after the start. */

/** When the last bucket ends. */
export function endOf({ start, length }) {
  return start.length ? start.at(-1) + length.at(-1) : 0;
}

/** Weight per time of each bucket: a short last one is as high as a long one that is as busy. */
export function rates({ length }, weights) {
  return weights.map((weight, i) => (length[i] > 0 ? Math.max(0, weight) / length[i] : 0));
}

/** One outline of all bars in a box of width 1000, from the bottom up; `most` is the rate that is as high as the box. */
export function barsPath({ start, length }, heights, most, height) {
  const whole = start.length ? start.at(-1) + length.at(-1) : 0;
  if (!whole || !most) return "";
  const x = (time) => ((1000 * time) / whole).toFixed(2);
  return heights
    .map((rate, i) => (rate > 0 ? `M${x(start[i])} ${height}V${(height * (1 - rate / most)).toFixed(2)}H${x(start[i] + length[i])}V${height}Z` : ""))
    .join("");
}

/** The bucket that a time is in; the first or the last one beyond the ends. */
export function bucketAt({ start }, time) {
  let [low, high] = [0, start.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (start[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Whole buckets between two times, either way around: [from, to]. */
export function snapped(buckets, a, b) {
  const [first, last] = [Math.min(a, b), Math.max(a, b)];
  const from = bucketAt(buckets, first);
  const to = Math.max(from, bucketAt(buckets, last));
  return [buckets.start[from], buckets.start[to] + buckets.length[to]];
}

/** A range with one end moved by so many buckets, never empty. @param end 0: where it begins, 1: where it ends */
export function nudged(buckets, range, end, by) {
  const last = buckets.start.length - 1;
  const indices = [bucketAt(buckets, range[0]), bucketAt(buckets, range[1] - 1)];
  const limits = end ? [indices[0], last] : [0, indices[1]];
  indices[end] = Math.min(limits[1], Math.max(limits[0], indices[end] + by));
  return [buckets.start[indices[0]], buckets.start[indices[1]] + buckets.length[indices[1]]];
}

/** A range moved by so much time, whole buckets, kept inside. */
export function shifted(buckets, range, by) {
  const step = buckets.length[0];
  const end = endOf(buckets);
  const steps = Math.round(by / step) * step;
  const moved = Math.max(-range[0], Math.min(end - range[1], steps));
  return snapped(buckets, range[0] + moved, range[1] + moved - 1);
}

/** Round times to write under a strip that has room for so many, in nanoseconds. */
export function ticksOf(end, room) {
  const seconds = end / 1e9;
  const rough = seconds / Math.max(1, room);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const nice = [1, 2, 5, 10].map((step) => step * power);
  const minutes = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
  const step = rough > 10 ? (minutes.find((one) => one >= rough) ?? Math.ceil(rough / 86400) * 86400) : nice.find((one) => one >= rough);
  const ticks = [];
  for (let at = 0; at <= seconds && ticks.length < 100; at += step) ticks.push(Math.round(at * 1e9));
  return ticks;
}
