/** What is said of a box: beside the pointer, and in a sentence. The first argument of each: {nodes, functions, payload, layout}. */
import { changeWords, origin, share, weight } from "../../format.js";
import { placeAmong } from "../../layout/flame.js";
import { h } from "../../ui/dom.js";

/** In a comparison: a box's weight after and before, half the band of what chance explains, and of what all of them are parts. */
export function changeOf({ nodes, payload }, row) {
  return [nodes.weight[row], nodes.base[row], nodes.noise[row], payload.total];
}

/** A box in a sentence: for screen readers, and below the picture. */
export function boxWords(flame, row) {
  const { nodes, functions, payload, layout } = flame;
  const of = functions[nodes.function[row]];
  const [place, all] = placeAmong(layout, row);
  const parts = [
    `${of.name}: ${share(nodes.weight[row], payload.total)}, ${weight(nodes.weight[row], payload.type.unit)}`,
    `self ${share(nodes.self[row], payload.total)}`,
    nodes.base ? `before ${share(nodes.base[row], payload.base.total)}: ${changeWords(...changeOf(flame, row))}` : null,
    origin(of),
    `level ${layout.level[row] + Math.max(1, payload.zoom.length)}`,
    all > 1 ? `${place} of ${all}` : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** The content of its tooltip. */
export function boxTip(flame, row) {
  const { nodes, functions, payload } = flame;
  const of = functions[nodes.function[row]];
  const { total, type, base } = payload;
  const whole = payload.zoom.length && payload.zoom_weight !== total && !base ? payload.zoom_weight : null;
  const line = (name, value, all = total) => [
    h("dt", {}, name),
    h("dd", {}, h("b", {}, share(value, all))),
    h("dd", {}, weight(value, type.unit)),
  ];
  return [
    h("b", {}, of.name),
    h("div", { class: "where" }, origin(of)),
    h("dl", {}, line("here", nodes.weight[row]), line("self", nodes.self[row]), base ? line("before", nodes.base[row], base.total) : null),
    base ? h("div", { class: "change" }, changeWords(...changeOf(flame, row))) : null,
    whole ? h("div", { class: "hint" }, `${share(nodes.weight[row], whole)} of what is zoomed`) : null,
  ];
}
