/** What boxes are filled with: tints of the groups' colours, on which text can be read, and in a diff shades from less to more. */
import { colourClass } from "../../draw/nodes.js";
import { changeClass } from "../../format.js";

const GROUPS = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "gx"];
/** So that neighbours of one group are told apart: by function, always the same. */
export const SHADES = [0.35, 0.29, 0.41];
const FADED = GROUPS.length * SHADES.length;
const CHANGES = ["c0", "less1", "less2", "less3", "more1", "more2", "more3"];
const DIFF = FADED + 1;
/** So much of a change's colour is in its boxes. */
export const DIFF_SHADE = 0.45;

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
  const diff = CHANGES.map((name) => css(mix(of(name === "c0" ? "bg-3" : name), back, name === "c0" ? 1 : DIFF_SHADE)));
  return {
    fills: [...tints, css(mix(of("bg-3"), back, 0.65)), ...diff],
    back: css(back),
    ink: css(of("ink")),
    mark: css(of("accent")),
  };
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.trim().slice(at, at + 2), 16));
export const mix = (a, b, part) => a.map((value, i) => Math.round(value * part + b[i] * (1 - part)));
const css = (colour) => `rgb(${colour.join(" ")})`;
