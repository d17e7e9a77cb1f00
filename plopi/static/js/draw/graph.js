/**
 * The graph in an SVG element: draws scenes, follows pan and zoom, drags nodes, and tells its owner what the user did.
 * Knows nothing of URLs or servers.
 */
import { d3 } from "../layout/d3.js";
import { s } from "../ui/dom.js";
import { routeEdges, screenScale } from "../layout/exports.js";
import { drawEdge, makeEdge } from "./edges.js";
import { joinLayer, setRole } from "./elements.js";
import { Labels } from "./labels.js";
import { loopsOf } from "./loops.js";
import { drawNode, gcPattern, makeNode } from "./nodes.js";
import { between, reducedMotion, tween } from "./tween.js";

const ZOOM_RANGE = [0.3, 12];
const ANIMATION_MS = 450;

export class GraphView {
  /**
   * @param svg the element to fill
   * @param events {pickNode(id), pickEdge(key), menu(id, x, y), hover(kind, id | key, event), unhover(), dragged(id, x, y), viewed(view | null), background(),
   *   placed(hidden labels, screen pixels per drawn pixel), zooming(Promise of the end): optional}
   */
  constructor(svg, events) {
    this.svg = svg;
    this.events = events;
    this.nodes = new Map();
    this.edges = new Map();
    this.routes = new Map();
    this.bends = new Map();
    this.scene = null;
    this.selection = null;
    this.hovered = null;
    this.world = s("g", { class: "world" });
    this.edgeLayer = s("g", { class: "edges" });
    this.nodeLayer = s("g", { class: "nodes" });
    this.labelLayer = s("g", { class: "labels" });
    this.world.append(this.edgeLayer, this.nodeLayer);
    svg.append(gcPattern(), this.world, this.labelLayer);
    this.handlers = {
      pickEdge: (key, event) => {
        event.stopPropagation();
        events.pickEdge(key);
      },
      enterNode: (id, event) => this.#hover("node", id, event),
      enterEdge: (key, event) => this.#hover("edge", key, event),
      menu: (id, x, y) => events.menu(id, x, y),
      leave: () => this.#unhover(),
      focusNode: (id) => {
        for (const [other, { group }] of this.nodes) group.setAttribute("tabindex", other === id ? "0" : "-1");
        this.showNode(id);
      },
    };
    this.labels = new Labels(this.labelLayer, this.handlers);
    this.#bindZoom();
    this.#bindDrag();
    svg.addEventListener("click", (event) => {
      if (event.target === svg) events.background();
    });
  }

  /**
   * Shows a scene; moves over from the one before when `animate`. Resolves when it stands.
   * @param bends waypoints by edge key, for the layered layout
   */
  show(scene, bends, { animate = false } = {}) {
    const from = animate && this.scene && !reducedMotion() ? new Map(this.scene.nodes.map((item) => [item.id, item])) : null;
    const widths = from && new Map(this.scene.edges.map((item) => [item.key, item.width]));
    this.scene = scene;
    this.bends = bends;
    this.#join();
    this.stop?.();
    this.stop = null;
    let stands = Promise.resolve();
    if (!from) {
      this.#draw(scene);
      this.#placeLabels();
    } else {
      this.labels.places.size && this.#placeLabels();
      stands = this.#move((t) => between(from, widths, scene, t));
    }
    this.#mark();
    return stands;
  }

  #move(sceneAt) {
    return new Promise((stands) => {
      const ended = () => {
        this.#placeLabels();
        stands();
      };
      const stop = tween(ANIMATION_MS, (t) => this.#draw(sceneAt(t)), ended);
      this.stop = () => {
        stop();
        stands();
      };
    });
  }

  destroy() {
    this.stop?.();
    this.scene = null;
  }

  /** The pane changed its size: the drawing keeps its own. */
  fit(pane, size) {
    this.pane = pane;
    this.labels.resize(screenScale(pane));
    this.base = Math.min(pane.width / size.width, pane.height / size.height);
    this.offset = { x: (pane.width - size.width * this.base) / 2, y: (pane.height - size.height * this.base) / 2 };
    this.svg.setAttribute("viewBox", `0 0 ${pane.width} ${pane.height}`);
    this.#apply();
  }

  /** view: [k, x, y] (zoom factor and the drawing's point at the pane's centre), or null for the whole drawing. */
  setView(view) {
    const transform = view ? this.#transformOf(view) : d3.zoomIdentity;
    this.quiet = true;
    d3.select(this.svg).call(this.zoom.transform, transform);
    this.quiet = false;
  }

  zoomBy(factor) {
    d3.select(this.svg).call(this.zoom.scaleBy, factor);
  }

  panBy(x, y) {
    d3.select(this.svg).call(this.zoom.translateBy, x / this.transform.k, y / this.transform.k);
  }

  /** selection: {node: id} or {edge: key} or null. */
  select(selection) {
    this.selection = selection;
    this.#mark();
    if (this.scene) this.#placeLabels();
  }

  /** @param path ids of functions from a root down, whose arrows stand out; null: none do */
  highlight(path) {
    this.path = path ?? [];
    this.#markPath();
  }

  #markPath() {
    const path = this.path ?? [];
    const keys = new Set(path.slice(1).map((id, i) => `${path[i]}>${id}`));
    this.svg.classList.toggle("has-path", path.length > 0);
    for (const [key, { group }] of this.edges) group.classList.toggle("is-hot", keys.has(key));
    for (const [id, { group }] of this.nodes) group.classList.toggle("is-hot", path.includes(id));
    for (const [id, element] of this.labels.drawn) element.classList.toggle("is-hot", path.includes(id));
  }

  /** Where a function's circle is in the window, [x, y]; null when it is not drawn. */
  placeOf(id) {
    const item = this.#item(id);
    if (!item) return null;
    const { left, top } = this.svg.getBoundingClientRect();
    const [x, y] = this.toScreen(item.x, item.y);
    return [x + left + 8, y + top + 8];
  }

  focusNode(id) {
    this.nodes.get(id)?.group.focus({ preventScroll: true });
  }

  /** Pans so that a function can be seen. */
  showNode(id) {
    const item = this.#item(id);
    if (!item) return;
    const [x, y] = this.toScreen(item.x, item.y);
    const rim = 40;
    const dx = x < rim ? rim - x : x > this.pane.width - rim ? this.pane.width - rim - x : 0;
    const dy = y < rim ? rim - y : y > this.pane.height - rim ? this.pane.height - rim - y : 0;
    if (dx || dy) this.panBy(dx, dy);
  }

  toScreen(x, y) {
    const { k, x: tx, y: ty } = this.transform;
    return [(x * this.base + this.offset.x) * k + tx, (y * this.base + this.offset.y) * k + ty];
  }

  get transform() {
    return d3.zoomTransform(this.svg);
  }

  #transformOf([k, x, y]) {
    const cx = x * this.base + this.offset.x;
    const cy = y * this.base + this.offset.y;
    return d3.zoomIdentity.translate(this.pane.width / 2 - cx * k, this.pane.height / 2 - cy * k).scale(k);
  }

  #viewOf({ k, x, y }) {
    if (Math.abs(k - 1) < 1e-6 && Math.abs(x) < 0.5 && Math.abs(y) < 0.5) return null;
    return [
      k,
      ((this.pane.width / 2 - x) / k - this.offset.x) / this.base,
      ((this.pane.height / 2 - y) / k - this.offset.y) / this.base,
    ];
  }

  #bindZoom() {
    this.quiet = false;
    this.zoom = d3
      .zoom()
      .scaleExtent(ZOOM_RANGE)
      .extent(() => [
        [0, 0],
        [this.pane?.width ?? 1, this.pane?.height ?? 1],
      ])
      .filter((event) => !event.button && !(event.type === "dblclick"))
      .on("start", () => this.quiet || this.events.zooming?.(new Promise((ended) => (this.zoomed = ended))))
      .on("zoom", () => this.#apply())
      .on("end", () => {
        this.zoomed?.();
        if (!this.quiet) this.events.viewed(this.#viewOf(this.transform));
      });
    d3.select(this.svg).call(this.zoom).on("dblclick.zoom", null);
    this.svg.addEventListener("dblclick", () => {
      this.setView(null);
      this.events.viewed(null);
    });
  }

  #bindDrag() {
    let start = null;
    this.drag = d3
      .drag()
      .clickDistance(4)
      .container(() => this.svg)
      .on("start", (event, id) => {
        start = { id, x: event.x, y: event.y, moved: false };
      })
      .on("drag", (event, id) => {
        if (!start.moved && Math.hypot(event.x - start.x, event.y - start.y) < 4) return;
        start.moved = true;
        this.#unhover();
        const item = this.#item(id);
        const scale = this.transform.k * this.base;
        this.moveNode(id, item.x + event.dx / scale, item.y + event.dy / scale);
      })
      .on("end", (event, id) => {
        if (start.moved) {
          const item = this.#item(id);
          this.events.dragged(id, item.x, item.y);
        } else this.events.pickNode(id);
      });
  }

  #item(id) {
    return this.scene?.nodes.find((node) => node.id === id);
  }

  /** Puts one function elsewhere; its arrows find new ways. */
  moveNode(id, x, y) {
    Object.assign(this.#item(id), { x, y });
    this.bends = new Map([...this.bends].filter(([key]) => !key.startsWith(`${id}>`) && !key.endsWith(`>${id}`)));
    this.#draw(this.scene);
    this.#placeLabels();
  }

  /** Makes and drops elements so that there is one group per node and edge; heavy arrows lie under light ones. */
  #join() {
    const { nodes, edges } = this.scene;
    joinLayer(
      this.edges,
      this.edgeLayer,
      edges,
      (item) => item.key,
      (item) => makeEdge(item, this.handlers),
    );
    joinLayer(
      this.nodes,
      this.nodeLayer,
      nodes,
      (item) => item.id,
      (item) => {
        const made = makeNode(item, this.handlers);
        d3.select(made.group).datum(item.id).call(this.drag);
        return made;
      },
    );
    const current = nodes.find((item) => this.nodes.get(item.id).group.tabIndex === 0) ?? nodes[0];
    if (current) this.nodes.get(current.id).group.setAttribute("tabindex", "0");
  }

  #draw(scene) {
    this.routes = routeEdges(
      scene.nodes.map((item) => ({ ...item, r: Math.max(item.r, item.before) })),
      scene.edges.map((item) => ({ ...item.edge, width: item.width })),
      this.bends,
      { x0: 2, y0: 2, x1: scene.size.width - 2, y1: scene.size.height - 2 },
    );
    for (const item of scene.edges) {
      const route = this.routes.get(item.key);
      if (route) drawEdge(this.edges.get(item.key), item, route);
    }
    this.loops = loopsOf(scene, this.routes);
    for (const item of scene.nodes) drawNode(this.nodes.get(item.id), item, scene.payload, this.loops.get(item.id));
  }

  #apply() {
    if (!this.pane) return;
    const { k, x, y } = this.transform;
    const scale = k * this.base;
    const tx = this.offset.x * k + x;
    const ty = this.offset.y * k + y;
    this.world.setAttribute("transform", `translate(${tx.toFixed(2)} ${ty.toFixed(2)}) scale(${scale.toFixed(5)})`);
    this.labels.move(tx, ty);
    if (this.scene && Math.abs(scale - (this.labels.k ?? 0)) > 1e-6) this.#placeLabels();
  }

  #placeLabels() {
    if (!this.pane || !this.scene) return;
    const scale = this.transform.k * this.base;
    const fitted = Math.abs(this.transform.k - 1) < 1e-6;
    const bounds = fitted
      ? {
          x0: 2 - this.offset.x,
          y0: 2 - this.offset.y,
          x1: this.pane.width - this.offset.x - 2,
          y1: this.pane.height - this.offset.y - 2,
        }
      : null;
    const first = new Set();
    if (this.selection?.node !== undefined) first.add(this.selection.node);
    if (this.hovered !== null) first.add(this.hovered);
    this.labels.place(this.scene, { routes: this.routes, loops: this.loops }, scale, bounds, first, this.selection?.node);
    this.#markLabels();
    this.events.placed(this.labels.hiddenCount, scale);
  }

  #hover(kind, id, event) {
    if (event.buttons) return;
    this.events.hover(kind, id, event);
    if (kind === "node" && !this.labels.places.has(id)) {
      this.hovered = id;
      this.#placeLabels();
    }
  }

  #unhover() {
    this.events.unhover();
    if (this.hovered === null) return;
    this.hovered = null;
    this.#placeLabels();
  }

  /** Who is selected, who calls it, whom it calls; everybody else steps back. */
  #mark() {
    if (!this.scene) return;
    const chosen = this.selection?.node;
    const chosenEdge = this.selection?.edge;
    const present = this.nodes.has(chosen) || this.edges.has(chosenEdge);
    this.svg.classList.toggle("has-selection", present);
    this.near = new Map();
    for (const { key, edge } of this.scene.edges) {
      const role =
        key === chosenEdge ? "is-selected" : edge.caller === chosen ? "is-callee" : edge.callee === chosen ? "is-caller" : null;
      setRole(this.edges.get(key).group, role);
      if (role) this.near.set(`tag ${key}`, "is-near");
      if (role === "is-selected") this.near.set(edge.caller, "is-near").set(edge.callee, "is-near");
      if (role === "is-callee") this.near.set(edge.callee, "is-callee");
      if (role === "is-caller") this.near.set(edge.caller, "is-caller");
    }
    if (chosen !== undefined) this.near.set(chosen, "is-selected");
    for (const [id, { group }] of this.nodes) {
      setRole(group, this.near.get(id) ?? null);
      group.setAttribute("aria-pressed", String(id === chosen));
    }
    this.#markLabels();
  }

  #markLabels() {
    for (const [id, element] of this.labels.drawn)
      setRole(element, this.near?.get(id) ?? (id === `tag ${this.selection?.edge}` ? "is-selected" : null));
    this.#markPath();
  }
}
