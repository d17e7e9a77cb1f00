/** The flame graph's own choices: which way up, in a comparison whose widths, and a search. */
import { share } from "../../format.js";
import { offline } from "../../offline.js";
import { h, replace, tellSearch } from "../../ui/dom.js";

export class Controls {
  /** @param actions {inverted(bool), side(text), search(text), whole()} */
  constructor(element, actions) {
    this.ways = [
      [false, "Callees", "What is called hangs below what calls it"],
      [true, "Inverted", "On top what the time is spent in, below it who called it (i)"],
    ].map(([value, words, title]) =>
      h("button", { type: "button", title, "data-inverted": String(value), onclick: () => actions.inverted(value) }, words),
    );
    this.sides = [
      ["", "Both", "As wide as before and after together: what is gone and what is new is there, too"],
      ["after", "After", "As wide as now; without what is gone"],
      ["before", "Before", "As wide as before; without what is new"],
    ].map(([value, words, title]) =>
      h("button", { type: "button", title, "data-side": value, onclick: () => actions.side(value) }, words),
    );
    this.compared = h("span", { class: "segments", role: "group", "aria-label": "Whose widths", hidden: true }, this.sides);
    this.input = h("input", {
      type: "search",
      class: "find",
      placeholder: "Find functions  ( / )",
      "aria-label": "Find functions",
      maxlength: 200,
      oninput: () => actions.search(this.input.value.trim()),
    });
    this.matched = h("output", { class: "matched" });
    this.whole = h("button", { type: "button", title: "Everything again (0)", onclick: actions.whole }, "Whole");
    replace(
      element,
      h("span", { class: "segments", role: "group", "aria-label": "Which way" }, this.ways),
      this.compared,
      this.whole,
      this.input,
      this.matched,
    );
  }

  show(state, payload) {
    const inverted = state.inverted === "1";
    for (const button of this.ways) button.setAttribute("aria-pressed", String(button.dataset.inverted === String(inverted)));
    this.compared.hidden = !payload?.base || Boolean(offline);
    for (const button of this.sides) button.setAttribute("aria-pressed", String(button.dataset.side === state.side));
    this.whole.disabled = !state.zoom && !state.span && state.root === null;
    if (document.activeElement !== this.input) this.input.value = state.q;
    const matched = payload?.matched === undefined ? "" : `${share(payload.matched, payload.total)} matched${before(payload)}`;
    tellSearch(this.input, this.matched, payload?.refused, matched);
  }
}

const before = ({ base, base_matched: matched }) => (base ? `, ${share(matched, base.total)} before` : "");
