/** What boxes are filled with: tints of the groups' colours, on which text can be read, and in a diff shades from less to more. */
import { colourClass } from "../../draw/nodes.js";
import { changeClass } from "../../format.js";

const GROUPS = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "gx"];
/** So that neighbours of one group are told apart: by function, always the same. */
export const SHADES = [0.35, 0.29, 0.41];
const FADED = GROUPS.length * SHADES.length;
/** So much of a side's colour is in its boxes, by the size of the change; views.css has the same for the legend. */
export const DIFF_SHADES = [0.35, 0.5, 0.64];
const SIDES = ["less", "more"];
const CHANGES = ["c0", ...SIDES.flatMap((side) => DIFF_SHADES.map((_, i) => `${side}${i + 1}`))];
const DIFF = FADED + 1;

/** @returns (row) => place among the palette's fills */
export function fillOf(payload, nodes) {
  const group = new Map();
  for (const [id, { group: place }] of Object.entries(payload.functions))
    group.set(Number(id), GROUPS.indexOf(colourClass(payload.groups[place])));
  const plain = (row) => {
    const id = nodes.function[row];
    return group.get(id) * SHADES.length + ((id * 2654435761) >>> 4) % SHADES.length;
  };
  if (nodes.match) return (row) => (nodes.match[row] ? plain(row) : FADED);
  const change = (row) => changeClass(nodes.weight[row], nodes.base[row], nodes.noise[row], payload.total);
  return nodes.base ? (row) => DIFF + CHANGES.indexOf(change(row)) : plain;
}

/** Fills by place, and the other colours of the canvas, as the page has them now. */
export function palette(element) {
  const style = getComputedStyle(element);
  const of = (name) => rgb(style.getPropertyValue(`--${name}`));
  const back = of("bg");
  const tints = GROUPS.flatMap((name) => SHADES.map((part) => css(mix(of(name), back, part))));
  const diff = SIDES.flatMap((side) => DIFF_SHADES.map((part) => css(mix(of(`${side}2`), back, part))));
  return {
    fills: [...tints, css(mix(of("bg-3"), back, 0.65)), css(of("bg-3")), ...diff],
    back: css(back),
    ink: css(of("ink")),
    mark: css(of("accent")),
  };
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.trim().slice(at, at + 2), 16));
export const mix = (a, b, part) => a.map((value, i) => Math.round(value * part + b[i] * (1 - part)));
const css = (colour) => `rgb(${colour.join(" ")})`;
