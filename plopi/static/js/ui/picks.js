/** Profiles picked from the list: to be compared, merged or tagged. */
import { pageUrl } from "../api.js";
import { plural } from "../format.js";
import { h, replace } from "./dom.js";

export class Picks {
  /** @param actions {changed(), tag(rows, tag) -> Promise} */
  constructor(actions) {
    this.actions = actions;
    this.rows = new Map();
    this.element = h("div", { class: "picks", role: "region", "aria-label": "Picked profiles", hidden: true });
  }

  /** The box of one row of the list. */
  box(row) {
    return h("input", {
      type: "checkbox",
      checked: this.rows.has(row.id),
      disabled: row.status === "broken",
      "aria-label": `Pick ${row.name}`,
      "data-focus": `pick ${row.id}`,
      onchange: (event) => this.#pick(row, event.target.checked),
    });
  }

  clear() {
    this.rows.clear();
    this.actions.changed();
  }

  /** Rows may have changed since they were picked. */
  show(rows) {
    for (const row of rows) if (this.rows.has(row.id)) this.rows.set(row.id, row);
    const picked = [...this.rows.values()];
    this.element.hidden = !picked.length;
    if (picked.length && !this.element.contains(document.activeElement)) replace(this.element, this.#offers(picked));
  }

  #pick(row, chosen) {
    if (chosen) this.rows.set(row.id, row);
    else this.rows.delete(row.id);
    this.actions.changed();
  }

  #offers(picked) {
    return [
      h("b", {}, `${plural(picked.length, "profile")} picked`),
      picked.length === 2 ? this.#comparisons(picked) : null,
      picked.length > 1
        ? h("a", { class: "button merge", href: pageUrl(picked.map((row) => row.id).join("+")) }, `See all ${picked.length} as one`)
        : h("span", { class: "muted" }, "Pick another one to compare the two or to see them as one."),
      this.#tagForm(picked),
      h("button", { type: "button", class: "link", onclick: () => this.clear() }, "let go"),
    ];
  }

  /** The later one against the earlier one, and the other way round. */
  #comparisons(picked) {
    const [before, after] = [...picked].sort((a, b) => begun(a) - begun(b));
    const link = (subject, base, words, kind) =>
      h("a", { class: `button ${kind}`, href: pageUrl(subject.id, "graph", `?base=${base.id}`) }, words);
    return [
      link(after, before, `What changed from ${before.name} to ${after.name}`, "compare"),
      link(before, after, "the other way round", "compare-back"),
    ];
  }

  #tagForm(picked) {
    const input = h("input", { type: "text", maxlength: 40, placeholder: "tag", "aria-label": "Tag for the picked profiles" });
    const told = h("span", { class: "muted", role: "status" });
    const form = h("form", {}, input, h("button", { type: "submit" }, "Add tag"), told);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      told.textContent = await this.actions.tag(picked, input.value.trim());
      input.value = "";
    });
    return form;
  }
}

const begun = (row) => row.started_ns ?? row.mtime_ns;
