/** The graph's own choices, in the row above it. */
import { h, replace } from "../../ui/dom.js";

export const FEWEST = 5;
export const MOST = 300;

export class Controls {
  /** @param actions {layout, nodes, hot, fit, tidy, save(kind), panel} */
  constructor(element, actions) {
    this.actions = actions;
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
    this.auto = h(
      "button",
      { type: "button", title: "As many as this window shows legibly, at most 80", onclick: () => actions.nodes(null) },
      "Auto",
    );
    this.hot = h("button", { type: "button", title: "From a root always along the heaviest arrow (h)", onclick: actions.hot }, "Hot path");
    const save = h(
      "select",
      {
        class: "save",
        "aria-label": "Save the picture",
        onchange: () => {
          actions.save(save.value);
          save.value = "";
        },
      },
      [
        ["", "Save…"],
        ["svg", "as SVG"],
        ["png", "as PNG"],
      ].map(([value, words]) => h("option", { value, disabled: value === "", hidden: value === "" }, words)),
    );
    save.value = "";
    this.tidy = h(
      "button",
      { type: "button", "data-idle": true, title: "Lay everything out anew, dragged functions too", onclick: actions.tidy },
      "Tidy up",
    );
    this.panel = h(
      "button",
      { type: "button", title: "Show or hide the table (t)", "aria-controls": "panel", onclick: actions.panel },
      "Table",
    );
    replace(
      element,
      h("span", { class: "segments", role: "group", "aria-label": "Layout" }, this.layouts),
      h("label", {}, "Functions", this.range, this.amount),
      this.auto,
      this.hot,
      h("button", { type: "button", title: "The whole picture (0, or double click)", onclick: actions.fit }, "Fit"),
      save,
      this.tidy,
      h("span", { class: "gap" }),
      this.panel,
    );
  }

  show(state, amount, { untidy, path }) {
    this.hot.hidden = !path;
    this.hot.setAttribute("aria-pressed", String(state.hot === "on"));
    for (const button of this.layouts) button.setAttribute("aria-pressed", String(button.dataset.layout === state.layout));
    this.range.value = String(amount);
    this.amount.textContent = String(amount);
    this.auto.setAttribute("aria-pressed", String(state.nodes === null));
    this.tidy.toggleAttribute("data-idle", !untidy);
    this.panel.setAttribute("aria-expanded", String(state.panel === "open"));
  }
}
