/** Where the flame graph is lower than the window, what is below it: the functions with most self time, or in a comparison those that grew most. */
import { colourClass } from "../../draw/nodes.js";
import { changeClass, origin, share, weight } from "../../format.js";
import { changeCell } from "../../ui/change.js";
import { h, replace } from "../../ui/dom.js";

const ROW = 25;
const HEAD = 44;
const MOST = 25;

/** How many rows there is room for in so many pixels. */
export const rowsWithin = (pixels) => Math.min(MOST, Math.floor((pixels - HEAD) / ROW));

export class Heaviest {
  /** @param page the view's context; @param find (name) marks a function in the picture */
  constructor(element, page, find) {
    Object.assign(this, { element, page, find });
  }

  /** @param payload the flame graph's, for its groups; @param rows how many there is room for */
  async show(payload, rows) {
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    const query = { ...this.page.query(), sort: payload.base ? "delta" : "self", per: rows };
    try {
      const answer = await this.page.busy.during(this.page.api.view(this.page.subject, "table", query, signal));
      if (!signal.aborted) this.#draw(answer, payload);
    } catch (error) {
      if (error.name !== "AbortError" && !error.status) throw error;
    }
  }

  destroy() {
    this.asking?.abort();
  }

  #draw(answer, { groups, functions, base }) {
    const most = Math.max(1, ...answer.rows.map((row) => row.self));
    const colourOf = (row) =>
      base ? changeClass(row.self, row.base_self, row.noise?.self ?? null, answer.total) : colourClass(groups[functions[row.id]?.group]);
    replace(
      this.element,
      h(
        "h3",
        { title: "All that is chosen above, whatever is zoomed to. A click shows where in the picture, another one no longer" },
        h("span", {}, base ? "What grew most" : "What takes the time"),
        h("span", { class: "n" }, base ? "self now" : "self"),
        h("span", { class: "n" }, base ? "change" : "cum"),
      ),
      h("ol", {}, answer.rows.map((row) => this.#row(row, answer, most, colourOf(row)))),
    );
  }

  #row(row, answer, most, colour) {
    const { total, type } = answer;
    const bar = h("span", { class: `bar swatch ${colour}`, "aria-hidden": "true" });
    bar.style.width = `${(100 * Math.max(0, row.self)) / most}%`;
    const title = `${row.name}\n${origin(row)}\nself ${weight(row.self, type.unit)}, cum ${weight(row.cum, type.unit)}`;
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", title, onclick: () => this.find(row.name) },
        h("span", { class: "name" }, row.label),
        h("span", { class: "track" }, bar),
        h("span", { class: "n" }, share(row.self, total)),
        answer.base ? changeCell(row.self, row.base_self, row.noise?.self ?? null, answer) : h("span", { class: "n" }, share(row.cum, total)),
      ),
    );
  }
}
