/** What labels say and how large that is on the screen. Fonts here and in css/graph.css are the same. */
import { changeMark, share, shorten, signedShare } from "../format.js";

export const FAMILY = '"Inter", "Roboto", "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif';
export const NAME_SIZE = 12;
export const NUMBERS_SIZE = 11;
const NAME_LINE = 14;
const NUMBERS_LINE = 13;
const LONGEST = 210;
const SHORTEST = 125;
/** For a name that would else have no place at all. */
const LEAST = 84;
const MAJOR_SELF = 0.02;
const MAJOR_CUM = 0.25;

let canvas = null;
const widths = new Map();

/** Width in pixels of a text in a font; remembered. */
export function textWidth(text, font) {
  const key = `${font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    canvas ??= document.createElement("canvas").getContext("2d");
    canvas.font = font;
    width = canvas.measureText(text).width;
    if (widths.size > 20000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

export const isMajor = (node, total) => node.self >= MAJOR_SELF * total || node.cum >= MAJOR_CUM * total;

/**
 * The label of a function: {major, sizes: [{name, numbers, width, height}, ...]}, from the whole to the shortest: both lines,
 * the name alone, then the same with the name shortened: a whole name tells more than numbers, which the table has too.
 */
export function labelOf(node, total) {
  const major = isMajor(node, total);
  const font = `${major ? "bold " : ""}${NAME_SIZE}px ${FAMILY}`;
  const upTo = (longest) => shorten(node.label, (text) => textWidth(text, font) <= longest);
  const name = upTo(LONGEST);
  const short = upTo(SHORTEST);
  const numbers = numbersOf(node, total);
  const width = (text) => textWidth(text, font);
  const numbersWidth = textWidth(numbers, `${NUMBERS_SIZE}px ${FAMILY}`);
  const both = NAME_LINE + NUMBERS_LINE;
  const sizes = [
    { name, numbers, width: Math.max(width(name), numbersWidth) + 2, height: both },
    { name, numbers: "", width: width(name) + 2, height: NAME_LINE + 1 },
  ];
  if (short !== name) {
    sizes.push({ name: short, numbers, width: Math.max(width(short), numbersWidth) + 2, height: both });
    sizes.push({ name: short, numbers: "", width: width(short) + 2, height: NAME_LINE + 1 });
  }
  const least = upTo(LEAST);
  if (least !== short) sizes.push({ name: least, numbers: "", width: width(least) + 2, height: NAME_LINE + 1 });
  return { major, sizes };
}

/** self · cum as shares; in a diff their changes. One number where both are equal. */
function numbersOf({ self, cum, base_self: baseSelf, base_cum: baseCum }, total) {
  const [own, all] =
    baseSelf === undefined
      ? [share(self, total), share(cum, total)]
      : [signedShare(self - baseSelf, total), signedShare(cum - baseCum, total)];
  return self === cum && own === all ? own : `${own} · ${all}`;
}

/**
 * What stands on an arrow: its share of the total (in a diff its change) where `total` is given, and the wrappers folded into it, if any;
 * these alone where there is no room for both. {plain: whether there are none, sizes: [{name, width, height}]}, or null.
 */
export function tagOf(edge, total = 0) {
  const { length } = edge.wrappers;
  const wrappers = length ? `${length} wrapper${length === 1 ? "" : "s"}` : "";
  const part = total ? (edge.base_weight === undefined ? share(edge.weight, total) : changeMark(edge.weight, edge.base_weight, edge.noise, total)) : "";
  const names = [[part, wrappers].filter(Boolean).join(" · "), part && wrappers].filter(Boolean);
  const sizes = names.map((name) => ({ name, width: textWidth(name, `${NUMBERS_SIZE}px ${FAMILY}`) + (length ? 14 : 8), height: length ? 17 : 14 }));
  return sizes.length ? { plain: !length, sizes } : null;
}
