/** The elements of the graph view: the pane with the picture, the strip that explains it, the panel beside it. */
import { h, s } from "../../ui/dom.js";

/** @returns {svg, pane, groups, leftOut, scales, panel, details, functions}, all in `element` */
export function makeStage(element) {
  const svg = s("svg", {
    id: "graph",
    role: "group",
    "aria-label": "Call graph: circles are functions, arrows are calls",
    tabindex: -1,
  });
  const pane = h("div", { id: "pane" }, svg);
  const groups = h("div", { id: "groups", role: "group", "aria-label": "Colours: share of self by package or module" });
  const leftOut = h("p", { id: "left-out", role: "status" });
  const scales = h("div", { id: "scales", role: "group", "aria-label": "Sizes" });
  const details = h("section", { id: "details", "aria-live": "polite" });
  const functions = h("section", { id: "functions", "aria-label": "Function table" });
  const panel = h("aside", { id: "panel", "aria-label": "Functions" }, details, functions);
  element.append(
    h("section", { id: "stage", "aria-label": "Call graph" }, pane, h("div", { id: "key" }, groups, leftOut, scales)),
    panel,
  );
  return { svg, pane, groups, leftOut, scales, panel, details, functions };
}
