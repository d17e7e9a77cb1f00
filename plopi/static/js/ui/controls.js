/** The row of choices above the graph. */
import { h, replace } from "./dom.js";

export const FEWEST = 5;
export const MOST = 300;

export class Controls {
  /** @param actions {type, thread, layout, nodes, fit, tidy, pause, panel, help} */
  constructor(element, actions) {
    this.actions = actions;
    this.types = h("select", { onchange: () => actions.type(this.types.value), "aria-label": "Sample type" });
    this.threads = h("select", { onchange: () => actions.thread(this.threads.value), "aria-label": "Thread" });
    this.typeLabel = h("label", {}, "Show", this.types);
    this.threadLabel = h("label", {}, "Thread", this.threads);
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
    this.pause = h("button", { type: "button", hidden: true, onclick: actions.pause });
    this.tidy = h(
      "button",
      { type: "button", hidden: true, title: "Lay everything out anew, dragged functions too", onclick: actions.tidy },
      "Tidy up",
    );
    this.panel = h(
      "button",
      { type: "button", title: "Show or hide the table (t)", "aria-controls": "panel", onclick: actions.panel },
      "Table",
    );
    replace(
      element,
      this.typeLabel,
      this.threadLabel,
      h("span", { class: "segments", role: "group", "aria-label": "Layout" }, this.layouts),
      h("label", {}, "Functions", this.range, this.amount),
      this.auto,
      h("button", { type: "button", title: "The whole picture (0, or double click)", onclick: actions.fit }, "Fit"),
      this.tidy,
      this.pause,
      h("span", { class: "gap" }),
      this.panel,
    );
  }

  /** @param type name of the sample type that is shown */
  show(state, profile, amount, { type, paused, untidy }) {
    options(
      this.types,
      profile.sample_types.map((type) => [type.name, type.name]),
      type,
    );
    this.typeLabel.hidden = profile.sample_types.length < 2;
    options(
      this.threads,
      [["", "all threads"], ...profile.threads.map((thread) => [String(thread.id), thread.name || `thread ${thread.ident}`])],
      state.thread,
    );
    this.threadLabel.hidden = profile.threads.length < 2;
    for (const button of this.layouts) button.setAttribute("aria-pressed", String(button.dataset.layout === state.layout));
    this.range.value = String(amount);
    this.amount.textContent = String(amount);
    this.auto.setAttribute("aria-pressed", String(state.nodes === null));
    this.tidy.hidden = !untidy;
    this.pause.hidden = profile.status !== "growing";
    this.pause.textContent = paused ? "▶ Follow" : "❚❚ Pause";
    this.pause.setAttribute(
      "title",
      paused ? "Follow the growing profile again (p)" : "Keep this picture while the profile grows (p)",
    );
    this.panel.setAttribute("aria-expanded", String(state.panel === "open"));
  }
}

function options(select, pairs, chosen) {
  const now = pairs.map(([value, words]) => `${value}=${words}`).join("\n");
  if (select.dataset.now !== now) {
    replace(
      select,
      pairs.map(([value, words]) => h("option", { value }, words)),
    );
    select.dataset.now = now;
  }
  select.value = chosen;
}
