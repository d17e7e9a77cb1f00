/** Labels in screen space: of one size, which is the window's, however far one has zoomed. */
import { s } from "../ui/dom.js";
import { placeLabels, RING } from "../layout/exports.js";
import { tagOf } from "./text.js";

const TAG_IMPORTANCE = -1;
/** Where on its arrow a tag may be, in parts of the way, the best first. */
const SPOTS = [0.45, 0.3, 0.62];
/** A plain number on an arrow that is not this many pixels longer than itself would hide it. */
const LEFT_TO_SEE = 24;

export class Labels {
  constructor(layer, handlers) {
    this.layer = layer;
    this.handlers = handlers;
    this.drawn = new Map();
    this.places = new Map();
    this.size = 1;
  }

  /** How large text is drawn, as a multiple of the sizes in css/graph.css. */
  resize(size) {
    this.size = size;
    this.layer.style.setProperty("--text-scale", size.toFixed(3));
  }

  /**
   * Finds a place for every label at a zoom, in screen pixels of an unpanned drawing.
   * @param scene, routes and loops as drawn; k zoom factor; bounds rectangle or null for no limit; first ids that must have a label;
   *   chosen the function whose arrows say their shares, if any
   */
  place(scene, { routes, loops }, k, bounds, first = new Set(), chosen = undefined) {
    this.tags = tagsOf(scene, chosen);
    const circles = scene.nodes.map((item) => ({
      id: item.id,
      x: item.x * k,
      y: item.y * k,
      r: Math.max(item.r, item.before, RING) * k,
      sizes: this.#sizes(item.label.sizes),
      importance: item.importance + (first.has(item.id) ? 10 : 0),
    }));
    const tags = [];
    const arrows = [];
    for (const item of scene.edges) {
      const route = routes.get(item.key);
      if (!route) continue;
      arrows.push({ points: route.points.map(([x, y]) => [x * k, y * k]), width: Math.max(item.width * k, 1) });
      const tag = this.tags.get(item.key);
      if (tag && (!tag.plain || lengthOf(route.points) * k >= tag.sizes[0].height * this.size + LEFT_TO_SEE))
        tags.push({ ...tagCircle(item, route, k), sizes: this.#sizes(tag.sizes) });
    }
    const obstacles = [...loops.values()].map(({ circle }) => ({ x: circle.x * k, y: circle.y * k, r: circle.r * k }));
    const limits = bounds ?? { x0: -1e9, y0: -1e9, x1: 1e9, y1: 1e9 };
    this.places = placeLabels([...circles, ...tags], arrows, limits, obstacles);
    this.k = k;
    this.scene = scene;
    this.#draw();
  }

  /** Follows the pan. */
  move(x, y) {
    this.layer.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
  }

  get hiddenCount() {
    return this.scene ? this.scene.nodes.filter((item) => !this.places.has(item.id)).length : 0;
  }

  #draw() {
    const keep = new Set();
    for (const item of this.scene.nodes) {
      const spot = this.places.get(item.id);
      if (!spot) continue;
      keep.add(item.id);
      drawLabel(this.#element(item.id, "label", item.id), item, spot, this.size);
    }
    for (const item of this.scene.edges) {
      const spot = this.places.get(`tag ${item.key}`);
      if (!spot) continue;
      keep.add(`tag ${item.key}`);
      drawTag(this.#element(`tag ${item.key}`, "tag", item.key), this.tags.get(item.key), spot, this.size);
    }
    const order = [...keep].map((id) => this.drawn.get(id));
    if (order.some((element, i) => element !== this.layer.children[i])) this.layer.append(...order);
    for (const [id, element] of this.drawn) {
      if (keep.has(id)) continue;
      element.remove();
      this.drawn.delete(id);
    }
  }

  #sizes(sizes) {
    return sizes.map((one) => ({ ...one, width: one.width * this.size, height: one.height * this.size }));
  }

  #element(id, kind, target) {
    let element = this.drawn.get(id);
    if (element) return element;
    if (kind === "label") {
      element = s(
        "g",
        { class: "label", "data-id": target, "aria-hidden": "true" },
        s("path", { class: "leader" }),
        s("text", { class: "name" }),
        s("text", { class: "numbers" }),
      );
    } else {
      element = s(
        "g",
        { class: "tag", "data-key": target },
        s("rect"),
        s("text", { class: "numbers", "text-anchor": "middle" }),
      );
      element.addEventListener("click", (event) => this.handlers.pickEdge(target, event));
    }
    this.drawn.set(id, element);
    this.layer.append(element);
    return element;
  }
}

/** What stands on arrows, by key: numbers on the heaviest and on those of the chosen function. On all of them they would hide the picture. */
function tagsOf({ edges, payload }, chosen) {
  const tags = edges.map(({ key, edge, tag }) => [key, edge.caller === chosen || edge.callee === chosen ? tagOf(edge, payload.total) : tag]);
  return new Map(tags.filter(([, tag]) => tag));
}

function tagCircle(item, route, k) {
  const spots = SPOTS.map((part) => along(route.points, part).map((value) => value * k));
  return {
    id: `tag ${item.key}`,
    spots,
    r: 0,
    importance: TAG_IMPORTANCE + item.edge.weight * 1e-18,
    onArrow: true,
  };
}

function lengthOf(points) {
  let length = 0;
  for (let i = 1; i < points.length; i++) length += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  return length;
}

function along(points, part) {
  let left = lengthOf(points) * part;
  for (let i = 1; i < points.length; i++) {
    const step = Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
    if (step >= left && step > 0) {
      const t = left / step;
      return [points[i - 1][0] + (points[i][0] - points[i - 1][0]) * t, points[i - 1][1] + (points[i][1] - points[i - 1][1]) * t];
    }
    left -= step;
  }
  return points[0];
}

function drawLabel(element, item, spot, size) {
  const [leader, name, numbers] = element.children;
  const x = spot.align === "start" ? spot.x0 + 1 : spot.align === "end" ? spot.x1 - 1 : (spot.x0 + spot.x1) / 2;
  element.classList.toggle("major", item.label.major);
  element.classList.toggle("native", item.node.kind === "native");
  const { name: words, numbers: figures } = item.label.sizes[spot.level];
  const to = spot.leader?.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  leader.setAttribute("d", to ? `M${to.join("L")}` : "");
  place(name, x, spot.y0 + 11.5 * size, spot.align, words);
  place(numbers, x, spot.y0 + 24 * size, spot.align, figures);
}

function drawTag(element, { plain, sizes }, spot, size) {
  const [rect, text] = element.children;
  const { name, height } = sizes[spot.level];
  element.classList.toggle("plain", plain);
  rect.setAttribute("x", spot.x0.toFixed(1));
  rect.setAttribute("y", spot.y0.toFixed(1));
  rect.setAttribute("width", (spot.x1 - spot.x0).toFixed(1));
  rect.setAttribute("height", ((height - 1) * size).toFixed(1));
  rect.setAttribute("rx", (((height - 1) * size) / 2).toFixed(1));
  text.textContent = name;
  text.setAttribute("x", ((spot.x0 + spot.x1) / 2).toFixed(1));
  text.setAttribute("y", (spot.y0 + ((height - 1) / 2 + 4) * size).toFixed(1));
}

function place(text, x, y, anchor, content) {
  text.setAttribute("x", x.toFixed(1));
  text.setAttribute("y", y.toFixed(1));
  text.setAttribute("text-anchor", anchor);
  if (text.textContent !== content) text.textContent = content;
}
