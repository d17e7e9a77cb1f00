/** What the address of a profile's page holds: the whole state of what is shown. */
import { choice, integer, stretch, text, texts } from "../state.js";

export const GRANULARITIES = ["function", "module", "package", "line"];

/** What selects samples and names functions: the same for every view, kept from one to the next. */
export const SELECTING = {
  type: text(),
  thread: text(),
  time: stretch(),
  focus: texts(),
  ignore: texts(),
  hide: texts(),
  by: choice(GRANULARITIES),
  collapse: texts(30),
  base: text(),
  base_time: stretch(),
  scale: choice(["normalised", "absolute"]),
};

/** Kept from view to view, too: the function that is looked at ("12"; in the graph also an arrow, "12>17"), and what is searched for. */
export const SHARED = { ...SELECTING, select: text(), q: text() };

/** How a list of functions is sorted and paged. */
export const TABLE = {
  sort: choice(["self", "cum", "name", "calls", "percall", "delta"]),
  order: choice(["desc", "asc"]),
  page: integer(1, 1, 1e6),
};

/** "/any/base/p/SUBJECT/VIEW" -> {subject, view}, or null. */
export function placeOf(path) {
  const match = /\/p\/([^/]+)\/([a-z]+)\/?$/.exec(path);
  return match && { subject: decodeURIComponent(match[1]), view: match[2] };
}

/** The path of another view of the same profile. */
export const pathTo = (view, path) => path.replace(/[^/]+\/?$/, view);

/** The arguments that every question to the server has, from a page's state, without the patterns that are `refused` (a Map by pattern). */
export function selecting(state, refused) {
  const taken = { ...state };
  for (const kind of ["focus", "ignore", "hide"]) taken[kind] = state[kind].filter((pattern) => !refused.has(pattern));
  return Object.fromEntries(Object.entries(SELECTING).map(([name, kind]) => [name, kind.write(taken[name])]));
}
