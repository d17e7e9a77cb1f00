/** The flame graph's own choices: which way up, and a search. */
import { share } from "../../format.js";
import { h, replace } from "../../ui/dom.js";

const WAIT_MS = 250;

export class Controls {
  /** @param actions {inverted(bool), search(text), whole()} */
  constructor(element, actions) {
    this.ways = [
      [false, "Callees", "What is called hangs below what calls it"],
      [true, "Inverted", "On top what the time is spent in, below it who called it (i)"],
    ].map(([value, words, title]) =>
      h("button", { type: "button", title, "data-inverted": String(value), onclick: () => actions.inverted(value) }, words),
    );
    this.input = h("input", {
      type: "search",
      class: "find",
      placeholder: "Find functions  ( / )",
      "aria-label": "Find functions",
      maxlength: 200,
      oninput: () => {
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => actions.search(this.input.value.trim()), WAIT_MS);
      },
    });
    this.matched = h("output", { class: "matched" });
    this.whole = h("button", { type: "button", title: "Everything again (0)", onclick: actions.whole }, "Whole");
    replace(
      element,
      h("span", { class: "segments", role: "group", "aria-label": "Which way" }, this.ways),
      this.whole,
      this.input,
      this.matched,
    );
  }

  destroy() {
    clearTimeout(this.waiting);
  }

  show(state, payload) {
    const inverted = state.inverted === "1";
    for (const button of this.ways) button.setAttribute("aria-pressed", String(button.dataset.inverted === String(inverted)));
    this.whole.disabled = !state.zoom && !state.span && state.root === null;
    if (document.activeElement !== this.input) this.input.value = state.q;
    this.matched.textContent = payload?.matched === undefined ? "" : `${share(payload.matched, payload.total)} matched`;
  }
}
