/** The side panel: details of the selection above the function table; asks the server for both. */
import { showEdge, showFunction, showTrouble } from "../../ui/details.js";
import { keepingFocus, replace } from "../../ui/dom.js";
import { FunctionTable } from "../../ui/table.js";

const ROWS = 100;
const TYPING_MS = 200;

export class SidePanel {
  /** @param page the view's context; @param actions what can be done with a function: {select(id), add(id), around(id), expand(id, kind)} */
  constructor(details, functions, page, actions) {
    Object.assign(this, { details, page, actions });
    this.table = new FunctionTable(functions, {
      search: (q) => page.busy.soon("search", TYPING_MS, () => page.set({ q, page: 1 })),
      sort: (sort, order) => page.set({ sort, order, page: 1 }),
      page: (number) => page.set({ page: number }),
      select: actions.select,
    });
  }

  focusSearch() {
    this.table.input.focus();
    this.table.input.select();
  }

  /** After new numbers: the table and the selection's details. */
  refresh(payload, colours) {
    this.loadTable(colours);
    this.showSelection(payload, colours);
  }

  async loadTable(colours) {
    this.colours = colours ?? new Map();
    const { sort, order, q, page } = this.page.state;
    await this.#ask(
      "table",
      (signal) => this.page.api.searched(this.page.subject, "table", { ...this.page.query(), sort, order, q, page, per: ROWS }, signal),
      (answer) => this.table.show(answer, this.page.state, this.colours),
      (error) => this.table.trouble(error.message),
    );
  }

  async showSelection(payload, colours) {
    const selection = this.#selected();
    const { page } = this;
    const actions = {
      ...this.actions,
      close: () => page.set({ select: "" }, { push: true }),
      page: page.has("function") && selection?.node !== undefined ? page.href("function", { select: String(selection.node) }) : null,
    };
    this.colours = colours ?? this.colours ?? new Map();
    this.table.select(selection?.node, this.colours);
    if (!selection) {
      this.asking_details?.abort();
      replace(this.details);
      return;
    }
    if (selection.edge !== undefined) {
      const edge = payload.edges.find((one) => `${one.caller}>${one.callee}` === selection.edge);
      const nameOf = (id) => payload.nodes.find((node) => node.id === id)?.label ?? String(id);
      if (edge) showEdge(this.details, edge, nameOf, payload, actions);
      else showTrouble(this.details, "The selected arrow is not in this picture.", actions);
      return;
    }
    await this.#ask(
      "details",
      (signal) => this.#view(`function/${selection.node}`, {}, signal),
      (answer) => keepingFocus(this.details, () => showFunction(this.details, answer, this.colours.has(selection.node), actions)),
      (error) => showTrouble(this.details, error.message, actions),
    );
  }

  destroy() {
    this.page.busy.forget();
    this.asking_table?.abort();
    this.asking_details?.abort();
  }

  #view(what, query, signal) {
    return this.page.api.view(this.page.subject, what, { ...this.page.query(), ...query }, signal);
  }

  #selected() {
    const raw = this.page.state.select;
    if (/^\d+$/.test(raw)) return { node: Number(raw) };
    return raw ? { edge: raw } : null;
  }

  /** One question of a kind at a time: a newer one drops the older. */
  async #ask(kind, question, show, trouble) {
    this[`asking_${kind}`]?.abort();
    const { signal } = (this[`asking_${kind}`] = new AbortController());
    try {
      const answer = await this.page.busy.during(question(signal));
      if (!signal.aborted) show(answer);
    } catch (error) {
      if (error.name !== "AbortError" && error.status !== 503) trouble(error);
    }
  }
}
