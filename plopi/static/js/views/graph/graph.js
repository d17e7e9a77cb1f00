/** The graph view, put together: address -> question -> layout (in a Worker) -> scene -> drawing. */
import { GraphView } from "../../draw/graph.js";
import { colourClass } from "../../draw/nodes.js";
import { zoomed } from "../../layout/exports.js";
import { drawLegend } from "../../ui/legend.js";
import { Menu } from "../../ui/menu.js";
import { Tooltip } from "../../ui/tooltip.js";
import { LayoutWorker } from "../../ui/worker.js";
import { chipsOf, expand, menuOf } from "./actions.js";
import { Controls } from "./controls.js";
import { Framing, UNTOUCHED } from "./framing.js";
import { showLeftOut } from "./leftout.js";
import { savePicture } from "./save.js";
import { SidePanel } from "./panel.js";
import { Picture } from "./picture.js";
import { makeStage } from "./stage.js";
import { walk } from "./walk.js";

/** What asks the server for another picture, and what lays the same one out anew. */
const ASKING = ["nodes", "around", "radius", "keep", "drop"];
const LAYING = ["layout", "size"];

/** What is selected: {node: id}, {edge: key} or null. */
export function selectionOf(select) {
  if (/^\d+$/.test(select)) return { node: Number(select) };
  return /^\d+>\d+$/.test(select) ? { edge: select } : null;
}

export class Graph {
  constructor(context) {
    this.page = context;
    this.stage = makeStage(context.element);
    this.worker = new LayoutWorker();
    this.picture = new Picture((request) => this.worker.layout(request));
    this.framing = new Framing(context, this.stage.pane);
    this.tooltip = new Tooltip();
    this.menu = new Menu();
    this.drawing = new GraphView(this.stage.svg, this.#events());
    this.controls = new Controls(context.controls, this.#choices(), this.menu);
    this.panel = new SidePanel(this.stage.details, this.stage.functions, context, {
      select: (id) => this.select({ node: id }),
      add: (id) => this.keep([id]),
      around: (id) => this.lookAround(id),
      expand: (id, kind) => expand(this, id, kind),
    });
    this.keys = this.#keys();
    this.#panelShown();
  }

  get state() {
    return this.page.state;
  }

  get payload() {
    return this.page.payload;
  }

  get selection() {
    return selectionOf(this.state.select);
  }

  ask(signal) {
    const { around, radius, keep, drop } = this.state;
    const ids = (list) => (list.length ? list.join(",") : null);
    const query = { nodes: this.framing.amount(), keep: ids(keep), drop: ids(drop) };
    if (around !== null) Object.assign(query, { around, radius });
    return this.page.api.view(this.page.subject, "graph", { ...this.page.query(), ...query }, signal);
  }

  async show(payload, how) {
    this.colours = new Map(payload.nodes.map((node) => [node.id, colourClass(payload.groups[node.group])]));
    await this.#draw(how);
    await this.latest; // a pane that changed its size meanwhile has it drawn once more
    if (this.staying && !how.fresh && !this.gone) this.framing.remember({ moved: this.picture.places });
    this.staying = false;
    this.panel.refresh(payload, this.colours);
  }

  /** `fresh`: laid out from nothing; otherwise functions stay where they stand. */
  #draw(how = {}) {
    this.latest = this.page.busy.during(this.#redraw(how));
    return this.latest;
  }

  async #redraw({ fresh = true, animate = false }) {
    const { payload, framing } = this;
    const size = framing.size();
    const how = { kind: this.state.layout, size, moved: this.state.moved };
    if (!(await this.picture.arrange(payload, how, !fresh)) || this.gone) return;
    this.drawing.fit(framing.pane(), size);
    this.drawing.setView(this.state.view);
    this.page.busy.during(this.drawing.show(this.picture.scene, this.picture.bends, { animate }));
    this.drawing.select(this.selection);
    this.#showControls();
    this.drawing.highlight(this.state.hot ? payload.hot_path : null);
    const { dataset } = this.stage.svg;
    dataset.ready = String(Number(dataset.ready ?? 0) + 1);
  }

  changed(names) {
    const has = (list) => list.some((name) => names.has(name));
    if (has(["panel"])) this.#panelShown();
    if (has(ASKING)) return this.staying ? { fresh: false } : true;
    if (!this.payload) return false;
    if (has(LAYING) || has(["moved"])) this.#draw({ animate: true });
    else if (has(["view"])) this.drawing.setView(this.state.view);
    if (has(["hot"])) this.drawing.highlight(this.state.hot ? this.payload.hot_path : null);
    if (has(["select"])) this.#selected();
    if (has(["sort", "order", "q", "page"])) this.panel.loadTable(this.colours);
    this.#showControls();
    return false;
  }

  resize() {
    const pane = this.framing.pane();
    const before = this.drawing.pane;
    if (!this.picture.scene || (before?.width === pane.width && before?.height === pane.height)) return;
    if (this.state.size || this.state.nodes !== null) this.#draw({ fresh: !this.staying });
    else this.page.reload({ fresh: true });
  }

  clear() {
    this.picture.clear();
    drawLegend(this.stage, this.payload);
    this.stage.leftOut.replaceChildren();
  }

  destroy() {
    this.gone = true;
    this.worker.close();
    this.drawing.destroy();
    this.tooltip.destroy();
    this.menu.destroy();
    this.panel.destroy();
  }

  select(selection) {
    const select = selection?.node !== undefined ? String(selection.node) : (selection?.edge ?? "");
    this.tooltip.hide();
    this.page.set({ select }, { push: true });
  }

  get chips() {
    return chipsOf(this);
  }

  /** Another set of functions, while those that stay keep their places, which from then on stand in the address. */
  inPlace(changes) {
    const { scene, places } = this.picture;
    this.staying = Boolean(scene);
    const stands = scene ? { moved: places, size: [scene.size.width, scene.size.height] } : {};
    this.page.set({ ...changes, ...stands }, { push: true });
  }

  /** Draws functions besides those that are. */
  keep(ids) {
    const { keep, drop } = this.state;
    this.inPlace({ keep: [...new Set([...keep, ...ids])], drop: drop.filter((id) => !ids.includes(id)) });
  }

  /** The neighbourhood of one function instead of what is heavy; null: back. */
  lookAround(id) {
    this.page.set({ around: id, select: id === null ? this.state.select : String(id), ...UNTOUCHED }, { push: true });
  }

  openMenu(id, x, y) {
    this.tooltip.hide();
    const node = this.payload.nodes.find((one) => one.id === id);
    if (node) this.menu.show(x, y, node.label, menuOf(this, node));
  }

  #selected() {
    this.drawing.select(this.selection);
    if (this.selection?.node !== undefined) this.drawing.showNode(this.selection.node);
    this.panel.showSelection(this.payload, this.colours);
  }

  #panelShown() {
    this.page.element.classList.toggle("panel-closed", this.state.panel === "closed");
  }

  #showControls() {
    if (!this.payload) return;
    const untidy = this.state.moved.size > 0 || this.picture.grown;
    this.controls.show(this.state, this.framing.amount(), { untidy, path: this.payload.hot_path?.length > 1 });
  }

  fit() {
    this.drawing.setView(null);
    this.framing.remember({ view: null });
  }

  tidy() {
    this.framing.remember({ view: null, moved: new Map() });
    this.#draw({ animate: true });
  }

  /** What the row of choices does. */
  #choices() {
    const go = (changes) => this.page.set({ ...changes, ...UNTOUCHED }, { push: true });
    return {
      layout: (layout) => go({ layout }),
      nodes: (nodes) => go({ nodes }),
      fit: () => this.fit(),
      tidy: () => this.tidy(),
      hot: () => this.page.set({ hot: this.state.hot ? "" : "on" }, { push: true }),
      save: (kind) => savePicture(this.stage.svg, kind, { name: this.page.profile.name, legend: this.stage }),
      panel: () => this.page.set({ panel: this.state.panel === "open" ? "closed" : "open" }),
    };
  }

  #keys() {
    const focused = () => document.activeElement?.closest?.(".node");
    const step = (direction) => () => {
      const from = focused() ? Number(focused().dataset.id) : this.selection?.node;
      const next = this.payload && walk(this.payload, from, direction);
      if (next !== null && next !== undefined) this.drawing.focusNode(next);
    };
    const pick = () => {
      if (!focused()) return false;
      this.select({ node: Number(focused().dataset.id) });
      return true;
    };
    return {
      ArrowDown: step("callee"),
      ArrowUp: step("caller"),
      ArrowLeft: step("previous"),
      ArrowRight: step("next"),
      Enter: pick,
      " ": pick,
      "+": () => this.drawing.zoomBy(1.3),
      "=": () => this.drawing.zoomBy(1.3),
      "-": () => this.drawing.zoomBy(1 / 1.3),
      0: () => this.fit(),
      "/": () => {
        this.page.set({ panel: "open" });
        this.panel.focusSearch();
      },
      m: () => {
        const id = focused() ? Number(focused().dataset.id) : this.selection?.node;
        const place = id !== undefined && this.drawing.placeOf(id);
        if (place) this.openMenu(id, ...place);
      },
      h: () => this.#choices().hot(),
      l: () => this.#choices().layout(this.state.layout === "layered" ? "force" : "layered"),
      t: () => this.#choices().panel(),
      Escape: () => {
        this.tooltip.hide();
        if (this.state.select) this.select(null);
      },
    };
  }

  #events() {
    const nodeOf = (id) => this.payload.nodes.find((node) => node.id === id);
    const edgeOf = (key) => this.payload.edges.find((edge) => `${edge.caller}>${edge.callee}` === key);
    const nameOf = (id) => nodeOf(id)?.label ?? String(id);
    const rounded = (values, by) => values.map((value) => Math.round(value * by) / by);
    return {
      pickNode: (id) => this.select({ node: id }),
      menu: (id, x, y) => this.openMenu(id, x, y),
      pickEdge: (edge) => this.select({ edge }),
      background: () => this.state.select && this.select(null),
      hover: (kind, id, event) => {
        if (kind === "node") this.tooltip.showNode(nodeOf(id), this.payload, event);
        else this.tooltip.showEdge(edgeOf(id), nameOf, this.payload, event);
      },
      unhover: () => this.tooltip.hide(),
      dragged: (id, x, y) => {
        const place = rounded([x, y], 10);
        this.picture.move(id, place);
        this.drawing.moveNode(id, ...place);
        this.framing.remember({ moved: new Map([...this.state.moved, [id, place]]) });
        this.#showControls();
      },
      viewed: (view) => {
        const to = view && rounded(view, 1000);
        if (to) this.drawing.setView(to);
        this.framing.remember({ view: to });
      },
      zooming: (end) => this.page.busy.during(end),
      placed: (hiddenNames, scale) => {
        const { scene } = this.picture;
        showLeftOut(this.stage.leftOut, scene.payload, hiddenNames, this, {
          amount: this.framing.more(scene.payload.nodes.length),
          show: (nodes) => this.#choices().nodes(nodes),
        });
        drawLegend(this.stage, scene.payload, zoomed(scene.scales, scale));
      },
    };
  }
}
