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
      const raw = query.get(name);
      return [name, raw === null ? kind.fallback : (kind.read(raw) ?? kind.fallback)];
    }),
  );
}

/** State -> query string ("" or "?..."), keys in declared order, only what differs from the fallback. */
export function serialise(state, keys) {
  const query = new URLSearchParams();
  for (const [name, kind] of Object.entries(keys)) {
    const written = kind.write(state[name]);
    if (written !== null && written !== undefined) query.set(name, written);
  }
  const search = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%3B", ";").replaceAll("%3E", ">");
  return search ? `?${search}` : "";
}

export class UrlState {
  /**
   * @param keys declaration: {name: kind}
   * @param onChange called with (state, changed key names) after every change, by `set` or by back and forward
   */
  constructor(keys, onChange, host = window) {
    this.keys = keys;
    this.onChange = onChange;
    this.host = host;
    this.current = parse(host.location.search, keys);
    host.addEventListener("popstate", () => this.#moved());
  }

  get state() {
    return this.current;
  }

  /** Changes some keys. `push` makes an entry to come back to; otherwise the entry is rewritten. */
  set(changes, { push = false } = {}) {
    const before = serialise(this.current, this.keys);
    const old = this.current;
    this.current = { ...this.current, ...changes };
    const after = serialise(this.current, this.keys);
    if (after === before) return;
    const url = this.host.location.pathname + after;
    this.host.history[push ? "pushState" : "replaceState"](null, "", url);
    this.onChange(this.current, changedKeys(old, this.current, this.keys));
  }

  #moved() {
    const old = this.current;
    this.current = parse(this.host.location.search, this.keys);
    const changed = changedKeys(old, this.current, this.keys);
    if (changed.size) this.onChange(this.current, changed);
  }
}

function changedKeys(old, now, keys) {
  return new Set(
    Object.entries(keys)
      .filter(([name, kind]) => kind.write(old[name]) !== kind.write(now[name]))
      .map(([name]) => name),
  );
}
