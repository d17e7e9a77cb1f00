/** The function table, put together: only the rows in sight are elements. */
import { count, plural } from "../../format.js";
import { h, replace, tellSearch } from "../../ui/dom.js";
import { columnsOf } from "./columns.js";
import { Pages, PER } from "./pages.js";

const WAIT_MS = 200;
const MARGIN = 8;
/** So many rows go on paper at most. */
const MOST_PRINTED = 1000;
/** Browsers cannot make an element higher than this; then a pixel stands for more than one. */
const HIGHEST = 8e6;

export class TableView {
  constructor(context) {
    this.page = context;
    this.pages = new Pages(
      (page, signal) => this.page.busy.during(this.#ask({ page }, signal)),
      () => this.#draw(),
    );
    this.at = -1;
    this.#build();
    this.keys = this.#keys();
  }

  #build() {
    const { element, controls } = this.page;
    this.input = h("input", {
      type: "search",
      class: "find",
      placeholder: "Search: text, glob* or re:…  ( / )",
      "aria-label": "Search functions and files: text, a glob, or re: and a regular expression",
      maxlength: 200,
      oninput: () => this.page.busy.soon("search", WAIT_MS, () => this.page.set({ q: this.input.value.trim(), row: 0 })),
    });
    this.about = h("output", { class: "about" });
    this.saved = ["csv", "text"].map((format) => [h("a", { class: format, download: "" }, format === "csv" ? "CSV" : "Text"), format]);
    this.input.value = this.state.q;
    replace(controls, this.input, this.about, h("span", { class: "gap" }), this.saved.map(([link]) => link));
    this.head = h("div", { role: "row", class: "row head" });
    this.body = h("div", { role: "rowgroup", class: "body" });
    this.space = h("div", { class: "space" });
    this.scroller = h(
      "div",
      { class: "table-scroller", tabindex: 0, role: "table", "aria-label": "Functions", onscroll: () => this.#scrolled() },
      h("div", { role: "rowgroup", class: "heads" }, this.head),
      this.space,
      this.body,
    );
    this.none = h("p", { class: "none", hidden: true });
    this.rest = h("p", { class: "rest" });
    element.append(this.scroller, this.none, this.rest);
    this.paper = { beforeprint: () => this.#print(), afterprint: () => this.#print(false) };
    for (const [name, run] of Object.entries(this.paper)) window.addEventListener(name, run);
  }

  get state() {
    return this.page.state;
  }

  #ask(query, signal) {
    const { sort, order, q } = this.state;
    const own = { sort: this.#sort(sort), order, q, per: PER };
    return this.page.api.searched(this.page.subject, "table", { ...this.page.query(), ...own, ...query }, signal);
  }

  /** What can be sorted by here: an address may come from a profile that knows more. */
  #sort(sort) {
    const counted = ["calls", "percall"].includes(sort) && this.page.profile?.shape !== "calls";
    return counted || (sort === "delta" && !this.state.base && !this.state.base_time) ? "self" : sort;
  }

  ask(signal) {
    const row = this.payload ? this.#top() : this.state.row;
    return this.#ask({ page: Math.floor(row / PER) + 1 }, signal);
  }

  show(payload, { fresh }) {
    const first = !this.payload;
    this.payload = payload;
    this.pages.reset(payload);
    this.columns = columnsOf(this.page.profile, Boolean(payload.base));
    this.scroller.style.setProperty("--columns", this.columns.map(({ key }) => `var(--${key}-width)`).join(" "));
    this.scroller.setAttribute("aria-rowcount", String(payload.shown + 1));
    this.#heads();
    this.#measure();
    if (first) this.#scrollTo(this.state.row);
    else if (fresh) this.at = -1;
    this.#around();
    this.#draw();
    const { dataset } = this.scroller;
    dataset.ready = String(Number(dataset.ready ?? 0) + 1);
  }

  changed(names) {
    if (["sort", "order", "q"].some((name) => names.has(name))) {
      this.#scrollTo(0);
      return true;
    }
    if (names.has("select") && this.payload) this.#draw();
    return false;
  }

  resize() {
    if (!this.payload) return;
    this.#measure();
    this.#draw();
  }

  clear() {
    replace(this.body);
  }

  destroy() {
    for (const [name, run] of Object.entries(this.paper)) window.removeEventListener(name, run);
    this.page.busy.forget();
    cancelAnimationFrame(this.frame);
    this.pages.reset(null);
  }

  #measure() {
    this.height = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 27;
    const full = this.payload.shown * this.height;
    this.squeeze = Math.max(1, full / HIGHEST);
    this.space.style.height = `${full / this.squeeze}px`;
  }

  #room() {
    return Math.max(1, Math.floor((this.scroller.clientHeight - this.head.offsetHeight) / this.height));
  }

  #top() {
    return Math.max(0, Math.round((this.scroller.scrollTop * this.squeeze) / this.height)) || 0;
  }

  #scrollTo(row) {
    this.scroller.scrollTop = (row * (this.height ?? 27)) / (this.squeeze ?? 1);
  }

  #scrolled() {
    if (!this.payload) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#draw();
    });
    this.page.busy.soon("scroll", WAIT_MS, () => this.page.set({ row: this.#top() }, { quiet: true }));
  }

  #draw() {
    if (!this.payload || this.onPaper) return;
    const from = Math.max(0, this.#top() - MARGIN);
    const to = Math.min(this.pages.count, this.#top() + this.#room() + MARGIN);
    this.pages.need(Math.max(0, this.#top()), to);
    const offset = this.squeeze > 1 ? this.scroller.scrollTop - Math.min(MARGIN, this.#top()) * this.height : from * this.height;
    this.body.style.transform = `translateY(${offset}px)`;
    const rows = [];
    for (let index = from; index < to; index += 1) rows.push(this.#row(index));
    replace(this.body, rows);
  }

  /** Paper cannot be scrolled: it has the rows from the first one in sight on, as far as they have come, and says how many it has not. */
  #print(begins = true) {
    this.onPaper = false;
    if (!begins || !this.payload) {
      this.#draw();
      return;
    }
    this.onPaper = true;
    const from = this.#top();
    const rows = [];
    while (rows.length < MOST_PRINTED && this.pages.row(from + rows.length)) rows.push(this.#row(from + rows.length));
    replace(this.body, rows);
    const part = `${count(from + 1)} to ${count(from + rows.length)} of ${plural(this.pages.count, "function")}`;
    this.rest.textContent = rows.length < this.pages.count ? `Here are ${part}; CSV and Text have more.` : "";
  }

  #row(index) {
    const row = this.pages.row(index);
    const place = { role: "row", "aria-rowindex": index + 2, "data-index": index };
    if (!row) return h("div", { ...place, class: "row waiting" }, h("span", { role: "cell" }, "…"));
    const links = {
      href: (id) => this.page.href("function", { select: String(id) }),
      follow: (event, id) => {
        if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        this.#open(id);
      },
    };
    return h(
      "div",
      {
        ...place,
        class: `row ${index === this.at ? "at" : ""}`,
        "data-id": row.id,
        "aria-selected": String(this.state.select === String(row.id)),
        onclick: (event) => event.target.closest("a") || this.#pick(index),
        ondblclick: () => this.#open(row.id),
      },
      this.columns.map((column) =>
        h("span", { role: "cell", class: `cell ${column.key} ${column.text ? "text" : "n"}` }, column.cell(row, this.payload, links)),
      ),
    );
  }

  #open(id) {
    if (this.page.has("function")) this.page.go("function", { select: String(id) });
  }

  #pick(index) {
    this.at = index;
    const row = this.pages.row(index);
    if (row && this.state.select !== String(row.id)) this.page.set({ select: String(row.id) });
    else this.#draw();
  }

  #walk(by) {
    if (!this.pages.count) return;
    const start = this.at < 0 ? this.#top() - (by > 0 ? 1 : 0) : this.at;
    const at = Math.min(this.pages.count - 1, Math.max(0, start + by));
    const top = this.#top();
    if (at < top) this.#scrollTo(at);
    else if (at >= top + this.#room()) this.#scrollTo(at - this.#room() + 1);
    this.#pick(at);
  }

  #heads() {
    const { sort, order } = this.state;
    const now = this.#sort(sort);
    replace(
      this.head,
      this.columns.map(({ key, title, sorts, text }) => {
        const active = key === now;
        const usual = key === "name" ? "asc" : "desc";
        const next = active && order === usual ? (usual === "asc" ? "desc" : "asc") : usual;
        const mark = active ? (order === "asc" ? " ▴" : " ▾") : "";
        return h(
          "span",
          {
            role: "columnheader",
            class: `cell ${key} ${text ? "text" : "n"}`,
            "aria-sort": active ? (order === "asc" ? "ascending" : "descending") : null,
          },
          sorts ? h("button", { type: "button", onclick: () => this.page.set({ sort: key, order: next, row: 0 }) }, title, mark) : title,
        );
      }),
    );
  }

  #around() {
    const { payload, state } = this;
    if (document.activeElement !== this.input) this.input.value = state.q;
    const all = payload.shown === payload.functions;
    const found = all ? plural(payload.functions, "function") : `${count(payload.shown)} of ${plural(payload.functions, "function")}`;
    const cut = payload.cut ? " · the search was cut short: make it more particular" : "";
    tellSearch(this.input, this.about, payload.refused, found + cut);
    this.none.hidden = payload.shown > 0;
    const whole = h("button", { type: "button", class: "link", onclick: () => this.page.set({ q: "" }) }, "Show all");
    replace(this.none, state.q ? [`No function or file matches “${state.q}”. `, whole] : "No functions.");
    const own = { sort: this.#sort(state.sort), order: state.order, q: payload.refused ? null : state.q };
    for (const [link, format] of this.saved) link.setAttribute("href", this.page.api.saved(this.page.subject, "export", { format, ...this.page.query(), ...own }));
  }

  #keys() {
    const far = (sign) => () => this.#walk(sign * Math.max(1, this.#room() - 1));
    return {
      ArrowDown: () => this.#walk(1),
      ArrowUp: () => this.#walk(-1),
      PageDown: far(1),
      PageUp: far(-1),
      Home: () => this.#walk(-this.pages.count),
      End: () => this.#walk(this.pages.count),
      Enter: () => {
        const row = this.at < 0 ? null : this.pages.row(this.at);
        if (row) this.#open(row.id);
        return Boolean(row);
      },
      "/": () => {
        this.input.focus();
        this.input.select();
      },
    };
  }
}
