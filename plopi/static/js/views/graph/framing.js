/** What the user did to the picture with zoom and drag, kept in the address with the size of the drawing that it belongs to. */
import { screenScale } from "../../layout/exports.js";

const MOST_BY_DEFAULT = 80;
const FEWEST_BY_DEFAULT = 14;
const PIXELS_PER_FUNCTION = 11000;
/** A picture that was neither zoomed nor dragged. */
export const UNTOUCHED = { view: null, moved: new Map(), size: null };

export class Framing {
  /** @param page {state, set}; @param pane the element that is drawn in */
  constructor(page, pane) {
    Object.assign(this, { page, element: pane });
  }

  pane() {
    const { clientWidth: width, clientHeight: height } = this.element;
    return { width: Math.max(200, width), height: Math.max(200, height) };
  }

  /** The drawing's size: the pane's at its scale, or what the address holds because positions in it belong to that size. */
  size() {
    const [width, height] = this.page.state.size ?? [];
    if (width >= 100 && height >= 100 && width <= 1e4 && height <= 1e4) return { width, height };
    const pane = this.pane();
    const scale = screenScale(pane);
    return { width: Math.round(pane.width / scale), height: Math.round(pane.height / scale) };
  }

  /** How many functions to ask for: what was chosen, else as many as the window shows legibly. */
  amount() {
    if (this.page.state.nodes !== null) return this.page.state.nodes;
    const { width, height } = this.size();
    return Math.max(FEWEST_BY_DEFAULT, Math.min(MOST_BY_DEFAULT, Math.round((width * height) / PIXELS_PER_FUNCTION)));
  }

  /** The number to offer where the window made it fewer than usual; null otherwise. */
  more(drawn) {
    const { nodes, around } = this.page.state;
    const few = nodes === null && around === null && this.amount() < MOST_BY_DEFAULT && drawn + 3 > this.amount();
    return few ? MOST_BY_DEFAULT : null;
  }

  /** Quietly: what the user sees is so already. */
  remember({ view = this.page.state.view, moved = this.page.state.moved }) {
    const { width, height } = this.size();
    const size = view || moved.size ? [width, height] : null;
    this.page.set({ view, moved, size }, { quiet: true });
  }
}
