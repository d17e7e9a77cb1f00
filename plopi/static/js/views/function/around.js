/** The calls around a function, drawn as the graph view draws them, without its controls. */
import { GraphView } from "../../draw/graph.js";
import { screenScale } from "../../layout/exports.js";
import { h, replace, s } from "../../ui/dom.js";
import { Tooltip } from "../../ui/tooltip.js";
import { LayoutWorker } from "../../ui/worker.js";
import { Picture } from "../graph/picture.js";

const PIXELS_PER_FUNCTION = 14_000;
const [FEWEST, MOST] = [8, 30];

export class Around {
  /** @param go (id) => to another function */
  constructor(element, go) {
    this.svg = s("svg", { class: "around-graph", role: "group", "aria-label": "Calls around the function" });
    this.pane = h("div", { class: "around-pane" }, this.svg);
    replace(element, h("h3", {}, "Around it"), this.pane);
    this.worker = new LayoutWorker();
    this.picture = new Picture((request) => this.worker.layout(request));
    this.tooltip = new Tooltip();
    this.drawing = new GraphView(this.svg, {
      pickNode: (id) => go(id),
      pickEdge: () => {},
      background: () => {},
      unhover: () => this.tooltip.hide(),
      hover: (kind, id, event) => this.#hover(kind, id, event),
      dragged: (id, x, y) => {
        this.picture.move(id, [x, y]);
        this.drawing.moveNode(id, x, y);
      },
      viewed: (view) => this.drawing.setView(view),
      placed: () => {},
    });
  }

  /** How many functions there is room for. */
  amount() {
    const { width, height } = this.#size();
    return Math.max(FEWEST, Math.min(MOST, Math.round((width * height) / PIXELS_PER_FUNCTION)));
  }

  async show(payload, id) {
    this.payload = payload;
    const pane = this.#size();
    const scale = screenScale(pane);
    const size = { width: Math.round(pane.width / scale), height: Math.round(pane.height / scale) };
    if (!(await this.picture.arrange(payload, { kind: "layered", size, moved: new Map() }, false)) || this.gone) return;
    this.tooltip.hide();
    this.drawing.fit(pane, size);
    this.drawing.setView(null);
    this.drawing.show(this.picture.scene, this.picture.bends, { animate: false });
    this.drawing.select({ node: id });
    this.svg.dataset.ready = String(Number(this.svg.dataset.ready ?? 0) + 1);
  }

  destroy() {
    this.gone = true;
    this.worker.close();
    this.drawing.destroy();
    this.tooltip.destroy();
  }

  #size() {
    return { width: Math.max(200, this.pane.clientWidth), height: Math.max(200, this.pane.clientHeight) };
  }

  #hover(kind, id, event) {
    const { nodes, edges } = this.payload;
    if (kind === "node") this.tooltip.showNode(nodes.find((node) => node.id === id), this.payload, event);
    else {
      const names = (other) => nodes.find((node) => node.id === other)?.label ?? String(other);
      const edge = edges.find((one) => `${one.caller}>${one.callee}` === id);
      this.tooltip.showEdge(edge, names, this.payload, event);
    }
  }
}
