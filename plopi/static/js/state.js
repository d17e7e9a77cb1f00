/**
 * The URL is the state of a view. A page declares its keys once; everything it shows follows from `parse(location.search)`.
 * Pure but for `UrlState`, which binds a declaration to the window's history.
 */

/** Kinds of keys: read a string (or null) into a value, write it back (null: leave it out). */
export const text = (fallback = "") => ({
  fallback,
  read: (raw) => raw,
  write: (value) => (value === fallback ? null : String(value)),
});

export const choice = (options, fallback = options[0]) => ({
  fallback,
  read: (raw) => (options.includes(raw) ? raw : fallback),
  write: (value) => (value === fallback ? null : value),
});

export const integer = (fallback, low, high) => ({
  fallback,
  read: (raw) => (/^-?\d{1,9}$/.test(raw) ? Math.min(high, Math.max(low, Number(raw))) : fallback),
  write: (value) => (value === fallback || value === null ? null : String(value)),
});

/** A tuple of finite numbers, "1.5,20,3"; null when absent or malformed. */
export const numbers = (length) => ({
  fallback: null,
  read: (raw) => parseNumbers(raw, length),
  write: (value) => (value ? value.map(compact).join(",") : null),
});

/** Texts that may be given several times (`focus=a&focus=b`): an array without repetitions. */
export const texts = (most = 8, longest = 200) => ({
  fallback: [],
  repeated: true,
  read: (all) => [...new Set(all.filter((one) => one !== "").map((one) => one.slice(0, longest)))].slice(0, most),
  write: (values) => (values.length ? values : null),
});

/** A stretch of seconds, "1.5-20": [from, to], or null. */
export const stretch = () => ({
  fallback: null,
  read: (raw) => {
    const match = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(raw);
    return match && Number(match[1]) < Number(match[2]) ? [Number(match[1]), Number(match[2])] : null;
  },
  write: (range) => (range ? range.map(compact).join("-") : null),
});

/** Whole numbers, "3,17,4"; an empty array when absent. */
export const integers = (most = 100) => ({
  fallback: [],
  read: (raw) => [...new Set(raw.split(",").filter((part) => /^\d{1,9}$/.test(part)).map(Number))].slice(0, most),
  write: (values) => (values.length ? values.join(",") : null),
});

/** Positions by id, "12:10,20;31:5.5,8"; an empty Map when absent. */
export const positions = () => ({
  fallback: new Map(),
  read: readPositions,
  write: (map) => (map.size ? [...map].map(([id, [x, y]]) => `${id}:${compact(x)},${compact(y)}`).join(";") : null),
});

const compact = (value) => String(Math.round(value * 1000) / 1000);

function parseNumbers(raw, length) {
  const parts = raw.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return parts.length === length && parts.every(Number.isFinite) ? parts : null;
}

function readPositions(raw) {
  const map = new Map();
  for (const part of raw.split(";").slice(0, 1000)) {
    const match = /^(\d{1,9}):(.+)$/.exec(part);
    const point = match && parseNumbers(match[2], 2);
    if (point) map.set(Number(match[1]), point);
  }
  return map;
}

/** Query string -> state: every declared key, with its fallback where absent. */
export function parse(search, keys) {
  const query = new URLSearchParams(search);
  return Object.fromEntries(
    Object.entries(keys).map(([name, kind]) => {
      const raw = kind.repeated ? query.getAll(name) : query.get(name);
      return [name, raw === null ? kind.fallback : (kind.read(raw) ?? kind.fallback)];
    }),
  );
}

/** State -> query string ("" or "?..."), keys in declared order, only what differs from the fallback. */
export function serialise(state, keys) {
  const query = new URLSearchParams();
  for (const [name, kind] of Object.entries(keys)) {
    const written = kind.write(state[name]);
    if (written === null || written === undefined) continue;
    for (const one of kind.repeated ? written : [written]) query.append(name, one);
  }
  let search = query.toString();
  for (const plain of ",:;>") search = search.replaceAll(encodeURIComponent(plain), plain);
  return search ? `?${search}` : "";
}

export class UrlState {
  /**
   * @param keys declaration {name: kind}, or a function that gives it for a path
   * @param onChange called with (state, changed key names, whether the path changed) after every change, by `set` or by back and forward
   */
  constructor(keys, onChange, host = window) {
    this.keysOf = typeof keys === "function" ? keys : () => keys;
    this.onChange = onChange;
    this.host = host;
    this.#read();
    host.addEventListener("popstate", () => this.#moved());
  }

  get state() {
    return this.current;
  }

  /** The address that `set` would lead to. */
  href(changes, path = this.path) {
    const keys = this.keysOf(path);
    const state = { ...fallbacks(keys), ...this.current, ...changes };
    return path + serialise(state, keys);
  }

  /**
   * Changes some keys. `push` makes an entry to come back to; otherwise the entry is rewritten. `quiet`: nobody is told, since who
   * asks has done it already. `path`: go to another page of the same document.
   */
  set(changes, { push = false, quiet = false, path = this.path } = {}) {
    const [old, keys, from] = [this.current, this.keys, this.path];
    const url = this.href(changes, path);
    if (url === from + serialise(old, keys)) return;
    this.host.history[push ? "pushState" : "replaceState"](null, "", url);
    if (path === from) this.current = { ...old, ...changes };
    else this.#read();
    if (!quiet) this.onChange(this.current, changedKeys(old, this.current, { ...keys, ...this.keys }), path !== from);
  }

  #read() {
    this.path = this.host.location.pathname;
    this.keys = this.keysOf(this.path);
    this.current = parse(this.host.location.search, this.keys);
  }

  #moved() {
    const [old, keys, from] = [this.current, this.keys, this.path];
    this.#read();
    const changed = changedKeys(old, this.current, { ...keys, ...this.keys });
    if (changed.size || from !== this.path) this.onChange(this.current, changed, from !== this.path);
  }
}

const fallbacks = (keys) => Object.fromEntries(Object.entries(keys).map(([name, kind]) => [name, kind.fallback]));

/** What differs; a key that one of the two does not have counts as its fallback. */
function changedKeys(old, now, keys) {
  const written = (kind, state, name) => JSON.stringify(kind.write(name in state ? state[name] : kind.fallback));
  return new Set(
    Object.entries(keys)
      .filter(([name, kind]) => written(kind, old, name) !== written(kind, now, name))
      .map(([name]) => name),
  );
}
