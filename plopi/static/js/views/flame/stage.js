/** The elements of the flame view: the way to what is shown, the canvas in its scroller, words on the present box, colours. */
import { h, replace } from "../../ui/dom.js";
import { share } from "../../format.js";

/** @returns {crumbs, about, body, scroller, space, canvas, heaviest, node, key}, all in `element` */
export function makeStage(element) {
  const crumbs = h("nav", { class: "crumbs", "aria-label": "From everything to what is shown" });
  const about = h("p", { class: "about", role: "status" });
  const canvas = h("canvas", {
    id: "flame",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "flame graph",
    "aria-label": "Flame graph: arrow keys walk from box to box, Enter zooms, Escape goes back",
    "aria-describedby": "flame-node",
  });
  const space = h("div", { class: "space" });
  const scroller = h("div", { class: "scroller" }, canvas, space);
  const heaviest = h("section", { class: "heaviest", "aria-label": "Heaviest functions", hidden: true });
  const body = h("div", { class: "body" }, scroller, heaviest);
  const node = h("p", { id: "flame-node", role: "status", "aria-live": "polite" });
  const key = h("div", { class: "groups flame-key", role: "group", "aria-label": "Colours: share of self by package or module" });
  element.append(h("div", { class: "head" }, crumbs, about), body, h("div", { class: "foot" }, node, key));
  return { crumbs, about, body, scroller, space, canvas, heaviest, node, key };
}

/** @param go (how much of the path) => zooms there */
export function showCrumbs(element, payload, go) {
  const { zoom, zoom_weights: weights, functions, total } = payload;
  const top = payload.root === null ? "all" : `stacks through ${functions[payload.root].label}`;
  const crumb = (words, weight, depth) =>
    h(
      "button",
      {
        type: "button",
        "aria-current": depth === zoom.length ? "true" : null,
        title: weight === null ? "Everything" : `${words}: ${share(weight, total)} of all`,
        onclick: () => go(depth),
      },
      words,
    );
  replace(
    element,
    crumb(top, null, 0),
    zoom.map((id, i) => [h("span", { class: "to", "aria-hidden": "true" }, "›"), crumb(functions[id].label, weights[i], i + 1)]),
  );
  element.scrollLeft = element.scrollWidth;
}
