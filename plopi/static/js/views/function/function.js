/** The function page, put together: address -> questions -> its parts. */
import { h, keepingFocus, replace } from "../../ui/dom.js";
import { Around } from "./around.js";
import { Finder } from "./finder.js";
import { showLines, showPaths } from "./lines.js";
import { showNumbers } from "./numbers.js";
import { showShares } from "./shares.js";

export class FunctionView {
  constructor(context) {
    this.page = context;
    const part = (name, label) => h("section", { class: name, "aria-label": label });
    this.parts = {
      numbers: part("numbers-part", "Numbers"),
      callers: part("callers-part", "Called by"),
      callees: part("callees-part", "Calls"),
      paths: part("paths-part", "Heaviest ways to it"),
      lines: part("lines-part", "Lines"),
      around: part("around-part", "Around it"),
    };
    context.element.append(h("div", { class: "function-page" }, Object.values(this.parts)));
    this.go = (id) => context.set({ select: String(id) }, { push: true });
    this.href = (id) => context.href("function", { select: String(id) });
    this.around = new Around(this.parts.around, this.go);
    this.finder = new Finder(context.controls, {
      ask: (q, signal) => context.api.view(context.subject, "table", { ...context.query(), q, per: 12, sort: "cum" }, signal),
      pick: this.go,
    });
    this.all = new Set();
    this.keys = this.#keys();
  }

  /** The function that is selected; without one, the one with the most time of its own. */
  async ask(signal) {
    const { page } = this;
    const view = (what, query) => page.api.view(page.subject, what, { ...page.query(), ...query }, signal);
    let id = /^\d+/.exec(page.state.select)?.[0];
    if (id === undefined) {
      const table = await view("table", { per: 1 });
      if (!table.rows.length) return table;
      id = String(table.rows[0].id);
      page.set({ select: id }, { quiet: true });
    }
    const [answer, graph, source] = await Promise.all([
      view(`function/${id}`, {}),
      view("graph", { around: id, radius: 2, nodes: this.around.amount() }).catch(absent),
      view(`source/${id}`, {}).catch(absent),
    ]);
    return { ...answer, graph, source: source?.lines ? source : null };
  }

  async show(payload) {
    if (!payload.function) return;
    const { parts, page } = this;
    const id = payload.function.id;
    if (this.shown !== id) {
      this.all.clear();
      page.element.firstChild.scrollTop = 0;
    }
    this.shown = id;
    this.payload = payload;
    const links = [
      ["Flame graph through it", page.href("flame", this.#flame(id)), () => page.go("flame", this.#flame(id))],
      ["Graph around it", page.href("graph", { around: id }), () => page.go("graph", { around: id })],
    ];
    showNumbers(parts.numbers, payload, page.profile.shape === "calls" ? links.slice(1) : links);
    for (const side of ["callers", "callees"]) this.#shares(side);
    showPaths(parts.paths, payload, this.href, this.go);
    showLines(parts.lines, payload, payload.source);
    parts.around.hidden = !payload.graph?.nodes.length;
    if (!parts.around.hidden) await this.around.show(payload.graph, id);
    const { dataset } = page.element;
    dataset.ready = String(Number(dataset.ready ?? 0) + 1);
  }

  #shares(side) {
    const showAll = () => {
      this.all.add(side);
      this.#shares(side);
    };
    keepingFocus(this.parts[side], () =>
      showShares(this.parts[side], side, this.payload, this.href, this.go, this.all.has(side), showAll),
    );
  }

  changed(names) {
    return names.has("select");
  }

  resize() {
    if (this.payload?.graph?.nodes.length) this.page.busy.during(this.around.show(this.payload.graph, this.payload.function.id));
  }

  clear() {
    for (const name of ["numbers", "callers", "callees", "paths", "lines"]) replace(this.parts[name]);
    this.parts.around.hidden = true;
  }

  destroy() {
    this.around.destroy();
    this.finder.destroy();
  }

  #flame(id) {
    return { root: id, zoom: "", span: null };
  }

  #keys() {
    const heaviest = (side) => () => {
      const slice = this.payload?.split[side].slices[0];
      if (!slice) return false;
      this.go(slice.id);
      return true;
    };
    const open = (view, changes) => () => this.payload && this.page.has(view) && this.page.go(view, changes(this.payload.function.id));
    return {
      ArrowLeft: heaviest("callers"),
      ArrowRight: heaviest("callees"),
      "/": () => this.finder.focus(),
      o: open("flame", (id) => this.#flame(id)),
      g: open("graph", (id) => ({ around: id })),
    };
  }
}

/** What is only an addition may be absent. */
function absent(error) {
  if ([400, 404, 409].includes(error.status)) return null;
  throw error;
}
