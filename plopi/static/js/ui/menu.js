/** A menu at a point of the page: by pointer, by keys, closed by Escape or a click elsewhere. The focus goes back where it was. */
import { h, replace } from "./dom.js";

const RIM = 6;

export class Menu {
  constructor() {
    this.element = h("div", { class: "menu", role: "menu", tabindex: -1, hidden: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.outside = (event) => {
      if (!this.element.contains(event.target)) this.close(false);
    };
    document.body.append(this.element);
  }

  get open() {
    return !this.element.hidden;
  }

  /**
   * @param title what the menu is about
   * @param items [{words, hint, why, run()}, ...] or null for a line between; `why` says why it cannot be had
   */
  show(x, y, title, items) {
    this.before = document.activeElement;
    this.element.setAttribute("aria-label", title);
    replace(
      this.element,
      h("div", { class: "menu-title" }, title),
      items.map((item) => (item ? this.#item(item) : h("hr"))),
    );
    this.element.hidden = false;
    const { width, height } = this.element.getBoundingClientRect();
    this.element.style.left = `${Math.max(RIM, Math.min(x, window.innerWidth - width - RIM))}px`;
    this.element.style.top = `${Math.max(RIM, Math.min(y, window.innerHeight - height - RIM))}px`;
    document.addEventListener("pointerdown", this.outside, true);
    this.#items()[0]?.focus();
  }

  close(back = true) {
    if (!this.open) return;
    this.element.hidden = true;
    document.removeEventListener("pointerdown", this.outside, true);
    if (back && this.before?.isConnected) this.before.focus({ preventScroll: true });
  }

  destroy() {
    this.close(false);
    this.element.remove();
  }

  #items() {
    return [...this.element.querySelectorAll("[role=menuitem]:not(:disabled)")];
  }

  #item({ words, hint, why, run }) {
    const choose = () => {
      this.close();
      run();
    };
    return h(
      "button",
      { type: "button", role: "menuitem", tabindex: -1, disabled: Boolean(why), title: why || null, onclick: choose },
      h("span", {}, words),
      hint || why ? h("span", { class: "hint" }, why || hint) : null,
    );
  }

  #key(event) {
    const items = this.#items();
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
