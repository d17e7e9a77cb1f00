/** Boxes on a canvas: draws a view of a layout, sharp at any density of pixels, and moves from one view to another. */
import { betweenViews, eachBox, fitText, LEAST, LEAST_MOVING, PADDING } from "../layout/flame.js";
import { reducedMotion, tween } from "./tween.js";

const MOVE_MS = 320;
const REST_MS = 90;
/** Boxes of a moving picture: where there are more, the next frame has only wider ones, so that it moves smoothly. */
const MOST_MOVING = 2500;
const FONT = 12;
/** From this width on a box is told from its neighbour by a gap of a pixel. */
const GAP_FROM = 3;
/** So wide a box has room to say its share, too. */
const NOTED_FROM = 90;
const NOTE_GAP = 10;
const HATCHED = { gc: true, truncated: true };

export class FlameDrawing {
  /** @param canvas, surround (the element whose size it has) */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.widths = new Map();
    this.marks = { selected: -1, hovered: -1 };
    this.drawn = 0;
  }

  /** @param row height of a level; @param scale of text: larger in large windows */
  fit(width, height, row, scale = 1) {
    const density = window.devicePixelRatio || 1;
    this.size = { width, height, row };
    this.font = `${Math.round(FONT * scale)}px ${getComputedStyle(this.canvas).fontFamily}`;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.canvas.style.height = `${height}px`;
    this.density = density;
    this.widths.clear();
    this.colours = null;
    this.later();
  }

  /**
   * @param picture {layout, label: (row) => text, note: (row) => text, fill: (row) => place among `fills`, kind: (row) => kind, faded: (row) => bool}
   * @param fills (element) => {fills: [css], ink, back, mark}: read from the page, because themes change
   */
  show(picture, palette, view) {
    Object.assign(this, { picture, palette, colours: null });
    this.set(view);
  }

  set(view) {
    this.stop?.();
    this.stop = null;
    this.view = view;
    this.later();
  }

  /** As `set`, while somebody moves it: the finest boxes come when it stands still. */
  drag(view) {
    this.moving = true;
    this.set(view);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.moving = false;
      this.later();
    }, REST_MS);
  }

  mark(changes) {
    Object.assign(this.marks, changes);
    this.later();
  }

  /** Resolves when the move has ended, or at once where motion is not wanted. */
  move(to) {
    this.stop?.();
    const from = this.view;
    if (reducedMotion() || !from) {
      this.set(to);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const stop = tween(
        MOVE_MS,
        (part) => {
          this.view = betweenViews(from, to, part);
          this.moving = part < 1;
          this.draw();
        },
        resolve,
      );
      this.stop = () => {
        stop();
        this.moving = false;
        resolve();
      };
    });
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  destroy() {
    this.stop?.();
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }

  /** The theme changed. */
  recolour() {
    this.colours = null;
    this.later();
  }

  draw() {
    const { context, density, size, picture, view } = this;
    if (!size || !picture || !view) return;
    const colours = (this.colours ??= this.palette(this.canvas));
    context.setTransform(density, 0, 0, density, 0, 0);
    context.fillStyle = colours.back;
    context.fillRect(0, 0, size.width, size.height);
    const labelled = [];
    let fill = -1;
    let painted = 0;
    const paint = (row, x, y, width) => {
      painted += 1;
      const wanted = picture.fill(row);
      if (wanted !== fill) {
        fill = wanted;
        context.fillStyle = colours.fills[fill];
      }
      context.fillRect(x, y, width >= GAP_FROM ? width - 1 : width, size.row - 1);
      if (width >= 22 || HATCHED[picture.kind(row)]) labelled.push([row, x, y, width]);
    };
    this.coarse = this.moving ? Math.max(this.coarse ?? 0, LEAST_MOVING) : LEAST;
    eachBox(picture.layout, view, size, paint, this.coarse);
    if (this.moving && painted > MOST_MOVING) this.coarse *= 1.4;
    this.#hatch(labelled, colours);
    this.#label(labelled, colours);
    this.#outline(this.marks.hovered, colours.ink, 1);
    this.#outline(this.marks.selected, colours.mark, 2);
    this.drawn += 1;
  }

  #hatch(boxes, colours) {
    const { context, picture, size } = this;
    context.strokeStyle = colours.back;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.55;
    for (const [row, x, y, width] of boxes) {
      if (!HATCHED[picture.kind(row)]) continue;
      const [from, to] = [Math.max(0, x), Math.min(size.width, x + width - 1)];
      context.save();
      context.beginPath();
      context.rect(from, y, Math.max(0, to - from), size.row - 1);
      context.clip();
      context.beginPath();
      for (let at = from - size.row; at < to; at += 7) {
        context.moveTo(at, y + size.row);
        context.lineTo(at + size.row, y);
      }
      context.stroke();
      context.restore();
    }
    context.globalAlpha = 1;
  }

  #label(boxes, colours) {
    const { context, picture, size } = this;
    context.font = this.font;
    context.textBaseline = "middle";
    context.fillStyle = colours.ink;
    const measure = (text) => this.#measure(text);
    for (const [row, x, y, width] of boxes) {
      const from = Math.max(0, x) + PADDING;
      const room = Math.min(size.width, x + width - 1) - PADDING - from;
      const text = fitText(picture.label(row), room, measure);
      if (!text) continue;
      context.globalAlpha = picture.faded(row) ? 0.75 : 1;
      context.fillText(text, from, y + size.row / 2);
      const note = picture.note(row);
      const used = measure(text) + NOTE_GAP;
      if (width < NOTED_FROM || used + measure(note) > room) continue;
      context.globalAlpha = 0.9;
      context.fillText(note, from + used, y + size.row / 2);
    }
    context.globalAlpha = 1;
  }

  #measure(text) {
    let width = this.widths.get(text);
    if (width === undefined) {
      if (this.widths.size > 20_000) this.widths.clear();
      width = this.context.measureText(text).width;
      this.widths.set(text, width);
    }
    return width;
  }

  #outline(row, colour, thick) {
    const { context, picture, view, size } = this;
    if (row < 0 || row >= picture.layout.count) return;
    const scale = size.width / (view.right - view.left);
    const x = Math.max(0, (picture.layout.x[row] - view.left) * scale);
    const end = Math.min(size.width, (picture.layout.x[row] + picture.layout.width[row] - view.left) * scale);
    const y = (picture.layout.level[row] - view.top) * size.row;
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.strokeRect(x + thick / 2, y + thick / 2, Math.max(thick, end - x - 1 - thick), size.row - 1 - thick);
  }
}
