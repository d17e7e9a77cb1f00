/** Numbers and names as people read them. Pure: time is an argument. */

const TIME_STEPS = [
  [3600e9, "h", 60e9, "min"],
  [60e9, "min", 1e9, "s"],
];

/** Three significant digits, no exponent, thousands separated. */
export function digits(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-GB");
  if (size >= 100 || value === 0) return String(Math.round(value));
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Nanoseconds as "1.25 s", "340 ms", "2 h 5 min". */
export function duration(ns) {
  if (ns === null || ns === undefined) return "";
  for (const [big, bigName, small, smallName] of TIME_STEPS) {
    if (ns < big) continue;
    const whole = Math.floor(ns / big);
    const rest = Math.floor((ns - whole * big) / small);
    return rest ? `${whole} ${bigName} ${rest} ${smallName}` : `${whole} ${bigName}`;
  }
  if (ns >= 1e9) return `${digits(ns / 1e9)} s`;
  if (ns >= 1e6) return `${digits(ns / 1e6)} ms`;
  if (ns >= 1e3) return `${digits(ns / 1e3)} µs`;
  return `${Math.round(ns)} ns`;
}

/** A weight in its sample type's unit. */
export function weight(value, unit) {
  if (value === null || value === undefined) return "";
  if (unit === "nanoseconds") return value === 0 ? "0 s" : duration(value);
  if (unit === "bytes") return bytes(value);
  return unit === "count" ? count(value) : `${count(value)} ${unit}`;
}

export function count(value) {
  return value === null || value === undefined ? "" : Math.round(value).toLocaleString("en-GB");
}

/** A count that must be short: "2.82 M" from a million on. */
export function brief(value) {
  if (value === null || value === undefined || value < 1e6) return count(value);
  return value < 1e9 ? `${digits(value / 1e6)} M` : `${digits(value / 1e9)} G`;
}

/** A share of 1 as per cent; what is there but rounds to nothing is "<0.1%". */
export function share(part, whole) {
  if (!whole) return "0%";
  const percent = (100 * part) / whole;
  if (percent === 0) return "0%";
  if (percent < 0.1) return "<0.1%";
  return percent >= 99.95
    ? `${Math.round(percent)}%`
    : percent >= 10
      ? `${percent.toFixed(percent >= 99 ? 1 : 0)}%`
      : `${percent.toFixed(1)}%`;
}

/** A change as a share of the whole: "+3.1%", "−0.4%"; "±0", and "≈0" for less than a thousandth; "gone" where nothing is left of the whole. */
export function signedShare(change, whole) {
  if (!change) return "±0";
  if (!whole) return change > 0 ? "new" : "gone";
  if (Math.abs(change) < 0.001 * whole) return "≈0";
  return `${change > 0 ? "+" : "−"}${share(Math.abs(change), whole)}`;
}

/** Changes of more than these parts of the whole have the second and the third colour. */
export const CHANGE_STEPS = [0.01, 0.05];

/**
 * The colour class of a change in a diff: "c0" where chance explains it or there is none, else "more1".."more3", "less1".."less3".
 * @param noise half the width of what chance explains; null or absent where numbers are exact
 */
export function changeClass(after, before, noise, whole) {
  const change = after - before;
  if (!change || withinChance(change, noise)) return "c0";
  const step = 1 + CHANGE_STEPS.filter((part) => Math.abs(change) > part * whole).length;
  return `${change > 0 ? "more" : "less"}${step}`;
}

/** Whether chance alone may have made a change. */
const withinChance = (change, noise) => Math.abs(change) <= (noise ?? 0);

/** A change in few letters, for where there is little room: "new", "gone", "≈" for what chance explains, "+3.1%". */
export function changeMark(after, before, noise, whole) {
  const change = after - before;
  if (change && withinChance(change, noise)) return "≈";
  return change && !before ? "new" : change && !after ? "gone" : signedShare(change, whole);
}

/** A change in a sentence, with the band of what chance explains. @param noise as above */
export function changeWords(after, before, noise, whole) {
  const change = after - before;
  const kind = change && !before ? "new, " : change && !after ? "gone, " : "";
  return [kind + signedShare(change, whole), chanceWords(change, noise, whole)].filter(Boolean).join(": ");
}

/** What chance has to do with a change; "" where there is none, or numbers are exact. */
export function chanceWords(change, noise, whole) {
  if (!change || noise === null || noise === undefined) return "";
  return `${withinChance(change, noise) ? "chance may explain it" : "more than chance explains"} (±${share(noise, whole)})`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "";
  const steps = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let step = 0;
  while (size >= 1000 && step < steps.length - 1) {
    size /= 1000;
    step += 1;
  }
  return `${step === 0 ? size : digits(size)} ${steps[step]}`;
}

/** How long ago, coarsely: "12 s", "5 min", "3 h", "8 d". */
export function age(thenNs, nowMs) {
  if (!thenNs) return "";
  const seconds = Math.max(0, nowMs / 1000 - thenNs / 1e9);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

const WITHOUT_FILE = {
  gc: "the cyclic garbage collector at work",
  truncated: "stacks that were too deep or too many to keep",
  native: "native code: built in or an extension",
};

/** Where a function {file, line, kind} is from: "file.py:12", or what stands for one without a file. */
export function origin({ file, line, kind }) {
  if (!file) return WITHOUT_FILE[kind] ?? "file not known";
  return line ? `${file}:${line}` : file;
}

/** Shortens in the middle, so that both the package and the function's own name stay. */
export function shorten(text, fits) {
  if (fits(text)) return text;
  let [low, high] = [1, text.length - 1];
  const cut = (keep) => {
    const tail = Math.ceil(keep * 0.62);
    return `${text.slice(0, keep - tail)}…${text.slice(text.length - tail)}`;
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(cut(middle))) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}
