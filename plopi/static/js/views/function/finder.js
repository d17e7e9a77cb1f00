/** A field that finds functions by their names, as one types. */
import { origin, share } from "../../format.js";
import { h, replace } from "../../ui/dom.js";

const WAIT_MS = 150;

export class Finder {
  /** @param actions {ask(q, signal) => Promise of a table, pick(id)} */
  constructor(element, actions) {
    this.actions = actions;
    this.input = h("input", {
      type: "search",
      class: "find",
      placeholder: "Go to a function  ( / )",
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": "found",
      "aria-label": "Go to a function",
      autocomplete: "off",
      maxlength: 200,
      oninput: () => this.#later(),
      onkeydown: (event) => this.#key(event),
    });
    this.list = h("div", { id: "found", class: "menu found", hidden: true });
    this.box = h("span", { class: "finder", onfocusout: (event) => this.box.contains(event.relatedTarget) || this.#close() }, this.input, this.list);
    replace(element, this.box);
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  destroy() {
    clearTimeout(this.waiting);
    this.asking?.abort();
  }

  #later() {
    this.entered = false;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#find(), WAIT_MS);
  }

  async #find() {
    const q = this.#typed();
    clearTimeout(this.waiting);
    this.asking?.abort();
    if (!q) {
      this.#close();
      return;
    }
    this.asking = new AbortController();
    try {
      const { rows, total, shown } = await this.actions.ask(q, this.asking.signal);
      this.listed = q;
      if (this.entered && rows.length) this.#pick(rows[0].id);
      else this.#show(rows, total, shown);
    } catch (error) {
      if (error.name !== "AbortError") this.#say(error.message);
    }
  }

  #show(rows, total, shown) {
    if (!rows.length) {
      this.#say("No function or file has that in its name.");
      return;
    }
    const items = rows.map((row) =>
      h(
        "button",
        { type: "button", title: `${row.name}\n${origin(row)}`, onclick: () => this.#pick(row.id) },
        h("span", { class: "label-text" }, row.label),
        h("span", { class: "n" }, share(row.cum, total)),
      ),
    );
    const more = shown > rows.length ? h("p", { class: "muted" }, `and ${shown - rows.length} more: type more of the name`) : null;
    replace(this.list, items, more);
    this.#open();
  }

  #say(words) {
    replace(this.list, h("p", { class: "muted" }, words));
    this.#open();
  }

  #open() {
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  #close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  #typed() {
    return this.input.value.trim();
  }

  #pick(id) {
    this.#close();
    this.entered = false;
    this.input.value = "";
    this.input.blur();
    this.actions.pick(id);
  }

  #key(event) {
    const buttons = [...this.list.querySelectorAll("button")];
    if (event.key === "Enter" && this.listed === this.#typed() && buttons.length) buttons[0].click();
    else if (event.key === "Enter") {
      this.entered = true; // faster than the answer: the list, if there is one, is about what was typed before
      this.#find();
    } else if (event.key === "ArrowDown" && buttons.length) {
      event.preventDefault();
      buttons[0].focus();
    } else if (event.key === "Escape") this.#close();
  }
}
