/** The function table: sorted, searched and paged by the server. */
import { brief, count, origin, share, weight } from "../format.js";
import { h, keepingFocus, replace, tellSearch } from "./dom.js";

const COLUMNS = [
  { key: "name", title: "Function", first: "asc" },
  { key: "self", title: "Self", number: true, first: "desc" },
  { key: "cum", title: "Cum", number: true, first: "desc" },
  { key: "calls", title: "Calls", number: true, first: "desc" },
];

export class FunctionTable {
  /** @param actions {search(text), sort(key, order), page(n), select(id)} */
  constructor(element, actions) {
    this.actions = actions;
    this.input = h("input", {
      type: "search",
      placeholder: "Search functions and files  ( / )",
      "aria-label": "Search functions",
      maxlength: 200,
      oninput: () => actions.search(this.input.value),
      onkeydown: (event) => {
        if (event.key === "Enter" && this.answer?.rows.length) actions.select(this.answer.rows[0].id);
      },
    });
    this.said = h("output", {});
    this.scroll = h("div", { class: "scroll" });
    this.pager = h("div", { class: "pager" });
    replace(element, h("div", { class: "search" }, this.input, this.said), this.scroll, this.pager);
  }

  /** @param colours Map from id to colour class of what is drawn */
  show(answer, state, colours) {
    this.answer = answer;
    this.state = state;
    this.colours = colours;
    if (document.activeElement !== this.input) this.input.value = state.q;
    tellSearch(this.input, this.said, answer.refused, "");
    const hasCalls = answer.rows.some((row) => row.calls !== null && row.calls !== undefined);
    const columns = COLUMNS.filter((column) => column.key !== "calls" || hasCalls);
    const top = this.scroll.scrollTop;
    const rows = () =>
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            columns.map((column) => this.#head(column)),
          ),
        ),
        h(
          "tbody",
          {},
          answer.rows.map((row) => this.#row(row, hasCalls)),
        ),
      );
    const none = () => h("p", { class: "none" }, state.q ? `No function or file has “${state.q}” in its name.` : "No functions.");
    keepingFocus(this.scroll, () => replace(this.scroll, answer.rows.length ? rows() : none()));
    this.scroll.scrollTop = top;
    this.#pages();
  }

  trouble(message) {
    replace(this.scroll, h("p", { class: "none" }, message));
    replace(this.pager);
  }

  /** Marks the selected row without asking the server again. */
  select(id, colours = this.colours) {
    this.colours = colours;
    for (const row of this.scroll.querySelectorAll("tbody tr")) {
      const mine = Number(row.dataset.id);
      row.setAttribute("aria-selected", String(mine === id));
      row.querySelector(".dot").setAttribute("class", dotClass(this.colours, mine));
    }
  }

  #head(column) {
    const active = this.state.sort === column.key;
    const order = active && this.state.order === column.first ? (column.first === "desc" ? "asc" : "desc") : column.first;
    return h(
      "th",
      {
        class: `${column.number ? "n " : ""}${column.key}`,
        "aria-sort": active ? (this.state.order === "asc" ? "ascending" : "descending") : null,
        scope: "col",
      },
      h(
        "button",
        { type: "button", "data-focus": column.key, onclick: () => this.actions.sort(column.key, order) },
        column.title,
        active ? (this.state.order === "asc" ? " ▴" : " ▾") : null,
      ),
    );
  }

  #row(row, hasCalls) {
    const { total, type } = this.answer;
    const drawn = this.colours.has(row.id);
    const title = `${row.name}\n${origin(row)}${drawn ? "" : "\nnot in the picture"}`;
    return h(
      "tr",
      {
        "data-id": row.id,
        "aria-selected": String(this.state.select === `${row.id}`),
        onclick: () => this.actions.select(row.id),
      },
      h(
        "td",
        { title },
        h("span", { class: dotClass(this.colours, row.id) }),
        h(
          "button",
          {
            type: "button",
            class: "row-name",
            "data-focus": `row ${row.id}`,
            onclick: (event) => {
              event.stopPropagation();
              this.actions.select(row.id);
            },
          },
          row.label,
        ),
      ),
      h("td", { class: "n", title: weight(row.self, type.unit) }, share(row.self, total)),
      h("td", { class: "n", title: weight(row.cum, type.unit) }, share(row.cum, total)),
      hasCalls ? h("td", { class: "n", title: count(row.calls) }, brief(row.calls)) : null,
    );
  }

  #pages() {
    const { page, pages, shown, functions } = this.answer;
    const go = (to, words, label) =>
      h(
        "button",
        { type: "button", disabled: to < 1 || to > pages, "aria-label": label, onclick: () => this.actions.page(to) },
        words,
      );
    replace(
      this.pager,
      h(
        "span",
        { class: "info" },
        shown === functions ? `${count(functions)} functions` : `${count(shown)} of ${count(functions)} functions`,
      ),
      pages > 1 ? [go(page - 1, "‹", "Previous page"), `${page} / ${count(pages)}`, go(page + 1, "›", "Next page")] : null,
    );
  }
}

function dotClass(colours, id) {
  return colours.has(id) ? `dot drawn ${colours.get(id)}` : "dot";
}
