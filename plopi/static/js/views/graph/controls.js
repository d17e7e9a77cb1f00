/** The graph's own choices, in the row above it. */
import { h, replace } from "../../ui/dom.js";

export const FEWEST = 5;
export const MOST = 300;

export class Controls {
  /** @param actions {layout, nodes, hot, fit, tidy, save(kind), panel}; @param menu what opens at a point of the page */
  constructor(element, actions, menu) {
    Object.assign(this, { actions, menu });
    this.layouts = [
      ["layered", "Layered"],
      ["force", "Force"],
    ].map(([value, words]) => h("button", { type: "button", "data-layout": value, onclick: () => actions.layout(value) }, words));
    this.range = h("input", {
      type: "range",
      min: FEWEST,
      max: MOST,
      step: 1,
      "aria-label": "At most so many functions",
      oninput: () => {
        this.amount.textContent = this.range.value;
      },
      onchange: () => actions.nodes(Number(this.range.value)),
    });
    this.amount = h("output", {});
    this.hot = h("button", { type: "button", title: "From a root always along the heaviest arrow (h)", onclick: actions.hot }, "Hot path");
    this.more = h(
      "button",
      { type: "button", class: "picture", "aria-haspopup": "menu", title: "The whole of it, tidy, saved", onclick: ({ currentTarget }) => this.#open(currentTarget) },
      "Picture…",
    );
    this.panel = h(
      "button",
      { type: "button", title: "Show or hide the table (t)", "aria-controls": "panel", onclick: actions.panel },
      "Table",
    );
    replace(
      element,
      h("span", { class: "segments", role: "group", "aria-label": "Layout" }, this.layouts),
      h("label", { title: "At most so many functions" }, h("span", { class: "words" }, "Functions"), this.range, this.amount),
      this.hot,
      this.more,
      h("span", { class: "gap" }),
      this.panel,
    );
  }

  /** What is done to the picture as a whole, and seldom: in a menu, so that filters find room in the row. */
  #open(button) {
    const { actions, state, untidy } = this;
    const { left, bottom } = button.getBoundingClientRect();
    this.menu.show(left, bottom + 4, "The picture", [
      { words: "Show all of it", hint: "0, or double click", run: actions.fit },
      { words: "Tidy up", hint: "lays everything out anew", why: untidy ? "" : "nothing was moved or added", run: actions.tidy },
      {
        words: "As many functions as can be read",
        hint: "at most 80",
        why: state.nodes === null ? "it is so" : "",
        run: () => actions.nodes(null),
      },
      null,
      { words: "Save as SVG", run: () => actions.save("svg") },
      { words: "Save as PNG", run: () => actions.save("png") },
    ]);
  }

  show(state, amount, { untidy, path }) {
    Object.assign(this, { state, untidy });
    this.hot.hidden = !path;
    this.hot.setAttribute("aria-pressed", String(state.hot === "on"));
    for (const button of this.layouts) button.setAttribute("aria-pressed", String(button.dataset.layout === state.layout));
    this.range.value = String(amount);
    this.amount.textContent = String(amount);
    this.panel.setAttribute("aria-expanded", String(state.panel === "open"));
  }
}
