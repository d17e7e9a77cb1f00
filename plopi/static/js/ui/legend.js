/** What colours, areas and widths stand for, with numbers. */
import { share, weight } from "../format.js";
import { h, replace, s } from "./dom.js";

const STEPS = [1, 2, 5];

/** The largest "round" value (1, 2 or 5 times a power of ten) not above a limit. */
export function roundBelow(limit) {
  if (!(limit > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(limit));
  return Math.max(...STEPS.filter((step) => step * power <= limit * 1.000001)) * power;
}

/**
 * @param scale how many screen pixels a drawn pixel takes (1 when fitted)
 */
export function drawLegend(element, payload, scales, scale) {
  if (!payload.nodes.length) {
    replace(element);
    return;
  }
  const { total, type, groups, nodes } = payload;
  const gc = nodes.some((node) => node.kind === "gc");
  replace(element,
    h("div", { class: "groups", "aria-label": "Colours: share of self by package or module" },
      groups.filter((group) => group.self > 0).map((group) => h("span", { class: "group" },
        h("span", { class: `swatch ${group.color === null ? "" : `g${group.color}`}` }),
        h("span", {}, group.name), h("b", {}, share(group.self, total)))),
      gc ? h("span", { class: "group" }, "▨ garbage collection") : null),
    h("div", { class: "scales" }, circleScale(scales, total, type, scale), arrowScale(scales, total, type, scale)));
}

function circleScale(scales, total, type, scale) {
  if (!scales.largestSelf) return null;
  const values = twoValues(scales.largestSelf, total);
  return h("span", { class: "scale", title: values.map((value) => weight(value, type.unit)).join(", ") }, "self",
    values.map((value) => {
      const r = scales.radius(value) * scale;
      const shown = Math.min(r, 13);
      return r > 13 ? null : [circle(shown), share(value, total)];
    }).flat(),
    null);
}

/** Round shares that fit the strip: values whose circles are not larger than the strip is high are chosen by the caller. */
function twoValues(largest, total) {
  const top = roundBelow(largest / total);
  return [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5].filter((part) => part <= top * 1.0001).slice(-5).map((part) => part * total);
}

function circle(r) {
  const size = Math.ceil(2 * r) + 1;
  return s("svg", { width: size, height: size, viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" }, s("circle", { class: "area", cx: size / 2, cy: size / 2, r: r.toFixed(2) }));
}

function arrowScale(scales, total, type, scale) {
  if (!scales.largestWeight) return null;
  const top = roundBelow(scales.largestWeight / total) * total;
  const values = [top / 5, top].filter((value) => scales.width(value) * scale >= 0.8 && scales.width(value) * scale <= 26);
  if (!values.length) return null;
  return h("span", { class: "scale", title: values.map((value) => weight(value, type.unit)).join(", ") }, "calls",
    values.map((value) => [arrow(scales.width(value) * scale), share(value, total)]).flat());
}

function arrow(width) {
  const height = Math.ceil(Math.max(10, width + 4));
  const y = height / 2;
  return s("svg", { width: 26, height, viewBox: `0 0 26 ${height}`, "aria-hidden": "true" },
    s("path", { class: "arrow", d: `M0 ${y}H26`, "stroke-width": width.toFixed(2) }));
}
