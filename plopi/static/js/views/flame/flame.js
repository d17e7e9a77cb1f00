/** The flame graph, put together: address -> question -> layout -> drawing. */
import { FlameDrawing } from "../../draw/flame.js";
import { changeMark, count, plural, share } from "../../format.js";
import {
  covering,
  graft,
  layoutFlame,
  panView,
  pathOf,
  rowAt,
  rowHeight,
  rowOf,
  walkFlame,
  zoomView,
} from "../../layout/flame.js";
import { offline } from "../../offline.js";
import { replace } from "../../ui/dom.js";
import { groupsLegend } from "../../ui/legend.js";
import { onTheme } from "../../ui/theme.js";
import { Tooltip } from "../../ui/tooltip.js";
import { fillOf, palette } from "./colours.js";
import { exactly } from "../graph/actions.js";
import { Controls } from "./controls.js";
import { Heaviest, rowsWithin } from "./heaviest.js";
import { bindPointer } from "./pointer.js";
import { zoomedLocally } from "./saved.js";
import { makeStage, showCrumbs } from "./stage.js";
import { boxTip, boxWords, changeOf } from "./words.js";

const WHOLE = { left: 0, right: 1, top: 0 };
const ASKING = ["zoom", "inverted", "root", "side", "q"];
const SETTLED_MS = 200;
const TYPING_MS = 250;
/** Widened this much since the server was asked, finer parts are asked for. */
const COARSE = 1.5;
const WIDEST = 200_000;
const MILLION = 1e6;
/** Fewer rows are not worth a list below the picture. */
const FEWEST_ROWS = 4;

export class FlameView {
  constructor(context) {
    this.page = context;
    this.stage = makeStage(context.element);
    this.drawing = new FlameDrawing(this.stage.canvas);
    this.tooltip = new Tooltip();
    this.controls = new Controls(context.controls, {
      inverted: (on) => this.#go({ inverted: on ? "1" : "", zoom: "" }),
      side: (side) => this.#go({ side }),
      search: (q) => context.busy.soon("search", TYPING_MS, () => context.set({ q })),
      whole: () => this.#go({ zoom: "", root: null }),
    });
    this.heaviest = new Heaviest(this.stage.heaviest, context, (name) => this.#find(`re:${exactly(name)}`));
    this.selected = -1;
    this.keys = this.#keys();
    bindPointer(this.stage.canvas, this.stage.scroller, this.#pointer());
    this.stage.scroller.addEventListener("scroll", () => this.#scrolled());
    this.forget = onTheme(() => this.drawing.recolour());
  }

  get state() {
    return this.page.state;
  }

  async ask(signal) {
    const { zoom } = this.state;
    const payload = await this.#ask({ zoom, width: Math.max(1, Math.round(this.stage.scroller.clientWidth)) }, signal);
    return offline ? zoomedLocally(payload, zoom ? zoom.split(".").map(Number) : []) : payload;
  }

  #ask(own, signal) {
    const { inverted, root, side, q } = this.state;
    const query = { ...this.page.query(), inverted: inverted === "1" ? 1 : null, root, side, q, ...own };
    return this.page.api.searched(this.page.subject, "flame", query, signal);
  }

  async show(payload, { animate }) {
    const before = this.payload;
    await this.moving;
    if (this.gone) return;
    const kept = this.selected >= 0 && this.payload ? this.#path(this.selected) : null;
    this.payload = payload;
    this.functions = payload.functions;
    this.fineness = 1;
    this.#use(payload.nodes);
    this.#fit();
    const view = this.#viewOfState();
    const from = animate && before ? this.#comingFrom(before) : null;
    this.#draw(from ?? view);
    this.#select(kept ? rowOf(this.layout, this.nodes.function, kept.slice(payload.zoom.length ? payload.zoom.length - 1 : 0)) : -1);
    this.#around();
    this.#list();
    if (from) await this.drawing.move(view);
    const { dataset } = this.stage.canvas;
    dataset.ready = String(Number(dataset.ready ?? 0) + 1);
    if (this.state.span) this.#settle();
  }

  changed(names) {
    if (ASKING.some((name) => names.has(name))) return true;
    if (names.has("span") && this.payload) this.#draw(this.#viewOfState());
    return false;
  }

  resize() {
    if (!this.payload) return;
    const { clientWidth, clientHeight } = this.stage.body;
    const { room } = this;
    if (room && room.width === clientWidth && room.height === clientHeight) return;
    const wider = room && clientWidth > room.width;
    this.#fit();
    this.#list();
    this.drawing.later();
    if (wider) this.page.reload({ fresh: false, animate: false });
  }

  clear() {
    this.payload = null;
    replace(this.stage.crumbs);
    replace(this.stage.key);
    replace(this.stage.heaviest);
  }

  destroy() {
    this.gone = true;
    this.page.busy.forget();
    this.asking?.abort();
    this.heaviest.destroy();
    this.forget();
    this.drawing.destroy();
    this.tooltip.destroy();
  }

  /** Another state of columns: as they came, or with finer parts. */
  #use(nodes) {
    this.nodes = nodes;
    this.layout = layoutFlame(nodes, this.payload.zoom_width ?? this.payload.zoom_weight);
    this.stage.space.style.height = `${this.layout.levels * this.#row() + 8}px`;
  }

  #row() {
    return this.drawing.size?.row ?? 20;
  }

  /** Rows are as high as all of the stacks allow; what room is left below them is the list's, whatever is zoomed to. */
  #fit() {
    const { scroller, body, heaviest } = this.stage;
    const scale = scroller.clientWidth >= 2200 ? 1.25 : scroller.clientWidth >= 1700 ? 1.12 : 1;
    const row = rowHeight(this.payload.depth_total, body.clientHeight - 8, scale);
    const used = this.payload.depth_total * row + 8;
    this.listed = offline ? 0 : rowsWithin((body.clientHeight - used) / scale);
    heaviest.hidden = this.listed < FEWEST_ROWS;
    scroller.style.flex = heaviest.hidden ? "" : `0 0 ${used}px`;
    const { clientWidth, clientHeight } = scroller;
    this.drawing.fit(clientWidth, clientHeight, row, scale);
    this.room = { width: body.clientWidth, height: body.clientHeight };
    this.stage.space.style.marginTop = `${-clientHeight}px`;
    this.stage.space.style.height = `${this.layout.levels * this.#row() + 8}px`;
  }

  #list() {
    if (!this.stage.heaviest.hidden) this.page.busy.during(this.heaviest.show(this.payload, this.listed));
  }

  #find(q) {
    this.page.set({ q: this.state.q === q ? "" : q });
  }

  #draw(view) {
    const { nodes, functions, layout } = this;
    const picture = {
      layout,
      fill: fillOf({ ...this.payload, functions }, nodes),
      label: (row) => functions[nodes.function[row]].label,
      note: (row) => (nodes.base ? changeMark(...changeOf(this, row)) : share(nodes.weight[row], this.payload.total)),
      kind: (row) => functions[nodes.function[row]].kind,
      faded: (row) => Boolean(nodes.match) && !nodes.match[row],
    };
    this.drawing.show(picture, palette, view);
    if (Math.abs(this.stage.scroller.scrollTop / this.#row() - view.top) > 0.01) this.stage.scroller.scrollTop = view.top * this.#row();
  }

  #viewOfState() {
    const { span } = this.state;
    const top = this.stage.scroller.scrollTop / this.#row();
    if (!span || !(span[1] > span[0])) return { ...WHOLE, top };
    return { left: Math.max(0, span[0] / MILLION), right: Math.min(1, span[1] / MILLION), top };
  }

  /** Where the picture shown before lies in this one, when one has zoomed out; null when it has no place here. */
  #comingFrom(before) {
    const now = this.payload;
    const same = before.inverted === now.inverted && before.root === now.root;
    if (!same || before.zoom.length <= now.zoom.length || now.zoom.some((id, i) => before.zoom[i] !== id)) return null;
    const row = rowOf(this.layout, this.nodes.function, before.zoom.slice(Math.max(0, now.zoom.length - 1)));
    return row < 0 ? null : this.#around1(row);
  }

  #around1(row) {
    const { x, width, level } = this.layout;
    return { left: x[row], right: x[row] + width[row], top: level[row] };
  }

  /** The functions from the top of everything to a row. */
  #path(row) {
    const below = pathOf(this.layout, this.nodes.function, row);
    return this.payload.zoom.length ? [...this.payload.zoom.slice(0, -1), ...below] : below;
  }

  #go(changes) {
    this.tooltip.hide();
    this.page.set({ span: null, ...changes }, { push: true });
  }

  zoomTo(row) {
    if (row < 0) return;
    const path = this.#path(row);
    const zoom = path.join(".");
    if (zoom === this.state.zoom && !this.state.span) return;
    const moved = this.drawing.move(this.#around1(row)).then(() => {
      this.moving = null;
      this.stage.scroller.scrollTop = 0;
    });
    this.moving = this.page.busy.during(moved);
    this.#go({ zoom, select: String(path.at(-1)) });
  }

  zoomOut() {
    if (this.state.span) this.#widened(WHOLE);
    else if (this.payload?.zoom.length) this.#go({ zoom: this.payload.zoom.slice(0, -1).join(".") });
    else if (this.state.root !== null) this.#go({ root: null });
    else this.#select(-1);
  }

  /** Widened or moved by hand: drawn at once, put into the address and made finer when it has settled. */
  #widened(view) {
    this.drawing.drag({ ...view, top: this.stage.scroller.scrollTop / this.#row() });
    this.page.busy.soon("widen", SETTLED_MS, () => this.#settle());
  }

  #settle() {
    return this.page.busy.during(this.#finer());
  }

  async #finer() {
    const { left, right } = this.drawing.view;
    const span = right - left > 1 - 1e-9 ? null : [left * MILLION, right * MILLION];
    this.page.set({ span }, { quiet: true });
    this.controls.show(this.state, this.payload);
    const finer = 1 / (right - left);
    if (offline || finer < COARSE * this.fineness) return;
    const row = covering(this.layout, left, right);
    const zoom = row < 0 ? this.payload.zoom : this.#path(row);
    const wide = (row < 0 ? 1 : this.layout.width[row]) * finer * this.drawing.size.width;
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const fine = await this.#ask({ zoom: zoom.join("."), width: Math.min(WIDEST, Math.round(wide)) }, this.asking.signal);
      if (this.gone || fine.revision !== this.payload.revision) return;
      this.#graft(row, fine);
      this.fineness = finer;
    } catch (error) {
      if (error.name !== "AbortError" && !error.status) throw error;
    }
  }

  #graft(row, fine) {
    const kept = this.selected >= 0 ? pathOf(this.layout, this.nodes.function, this.selected) : null;
    this.functions = { ...fine.functions, ...this.functions };
    this.#use(row < 0 ? fine.nodes : graft(this.nodes, row, fine.nodes));
    this.#draw(this.drawing.view);
    this.selected = kept ? rowOf(this.layout, this.nodes.function, kept) : -1;
    this.drawing.mark({ selected: this.selected, hovered: -1 });
    const { dataset } = this.stage.canvas;
    dataset.fine = String(Number(dataset.fine ?? 0) + 1);
  }

  #scrolled() {
    const { view } = this.drawing;
    if (!view || this.moving) return;
    this.drawing.view = { ...view, top: this.stage.scroller.scrollTop / this.#row() };
    this.drawing.later();
  }

  #around() {
    const { payload } = this;
    const { cut, nodes } = payload;
    showCrumbs(this.stage.crumbs, payload, (depth) => this.#go({ zoom: payload.zoom.slice(0, depth).join(".") }));
    const narrow = cut.nodes ? ` · ${count(cut.nodes)} narrower ones right below ${offline ? "left out" : "come with a zoom"}` : "";
    const part = payload.base || payload.zoom_weight === payload.total ? "" : `${share(payload.zoom_weight, payload.total)} of all · `;
    replace(this.stage.about, `${part}${plural(nodes.parent.length, "box", "boxes")}${narrow} · deepest stack ${count(payload.depth_total)}`);
    const used = Object.values(payload.functions);
    const has = (kind) => used.some((each) => each.kind === kind);
    // among the groups `<gc>` has a swatch of its own; a comparison's legend has changes instead
    const hatched = [payload.base && has("gc") ? "garbage collection" : "", has("truncated") ? "cut stacks" : ""].filter(Boolean);
    groupsLegend(this.stage.key, payload, hatched.length ? `▨ ${hatched.join(", ")}` : "");
    this.controls.show(this.state, payload);
  }

  #select(row) {
    this.selected = row;
    this.drawing.mark({ selected: row });
    const words = row < 0 ? "" : boxWords(this, row);
    if (this.stage.node.textContent !== words) replace(this.stage.node, words);
  }

  #walk(direction) {
    if (!this.layout) return;
    const row = walkFlame(this.layout, this.selected, direction);
    this.#select(row);
    this.#reveal(row);
  }

  /** Moves along and down as little as it takes to show a box. */
  #reveal(row) {
    const { scroller } = this.stage;
    const box = this.#around1(row);
    const view = this.drawing.view;
    const y = box.top * this.#row();
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    else if (y + this.#row() > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = y + this.#row() - scroller.clientHeight;
    if (box.right <= view.left) this.#widened(panView(view, box.left - view.left));
    else if (box.left >= view.right) this.#widened(panView(view, box.right - view.right));
  }

  #keys() {
    const widen = (factor) => () => {
      const view = this.drawing.view;
      const middle = (box) => (box.left + box.right) / 2;
      if (view) this.#widened(zoomView(view, factor, this.selected >= 0 ? middle(this.#around1(this.selected)) : middle(view)));
    };
    return {
      ArrowDown: () => this.#walk("child"),
      ArrowUp: () => this.#walk("parent"),
      ArrowLeft: () => this.#walk("previous"),
      ArrowRight: () => this.#walk("next"),
      Enter: () => (this.selected < 0 ? false : this.zoomTo(this.selected)),
      Escape: () => this.zoomOut(),
      0: () => this.#go({ zoom: "", root: null }),
      "+": widen(1 / 1.5),
      "=": widen(1 / 1.5),
      "-": widen(1.5),
      i: () => this.#go({ inverted: this.state.inverted ? "" : "1", zoom: "" }),
      o: () => (this.selected < 0 || !this.page.has("function") ? false : this.#open(this.selected)),
      "/": () => this.controls.input.focus(),
    };
  }

  #open(row) {
    this.page.go("function", { select: String(this.nodes.function[row]) });
  }

  #pointer() {
    return {
      at: (x, y) => {
        const { view, size } = this.drawing;
        if (!this.layout || !view) return -1;
        const at = view.left + (x / size.width) * (view.right - view.left);
        return rowAt(this.layout, Math.floor(view.top + y / size.row), at);
      },
      hover: (row, event) => {
        this.stage.canvas.style.cursor = row < 0 ? "" : "pointer";
        this.drawing.mark({ hovered: row });
        if (row < 0) this.tooltip.hide();
        else this.tooltip.showContent(event, boxTip(this, row));
      },
      leave: () => {
        this.tooltip.hide();
        this.drawing.mark({ hovered: -1 });
      },
      pick: (row, event) => {
        this.#select(row);
        if (event.altKey && row >= 0 && this.page.has("function")) this.#open(row);
        else this.zoomTo(row);
      },
      pan: (pixels) => {
        const { view, size } = this.drawing;
        if (view && view.right - view.left < 1) this.#widened(panView(view, (pixels / size.width) * (view.right - view.left)));
      },
      widen: (factor, x) => {
        const { view, size } = this.drawing;
        if (view) this.#widened(zoomView(view, factor, view.left + (x / size.width) * (view.right - view.left)));
      },
    };
  }
}
