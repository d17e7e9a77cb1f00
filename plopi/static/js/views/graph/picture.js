/** Where the functions of a page's picture stand, from one drawing to the next. */
import { layoutRequest, makeScene } from "../../draw/scene.js";

export class Picture {
  /** @param layout (request) => Promise of a layout, or of null when a newer request made it worthless */
  constructor(layout) {
    this.layout = layout;
    /** What is drawn: see draw/scene.js; null before the first drawing and when there is nothing to draw. */
    this.scene = null;
    this.bends = new Map();
    /** Whether functions were added since everything was laid out at once. */
    this.grown = false;
    this.stood = new Map();
    /** Where every function of the drawing stands, by id. */
    this.places = new Map();
  }

  clear() {
    this.scene = null;
  }

  /**
   * Lays a payload out. Sets `scene` and `bends`; false when a newer request overtook this one.
   * @param how {kind, size, moved: places by id that the user chose}
   * @param keep functions stay where they stood in the drawings before; one that comes back finds its old place
   */
  async arrange(payload, { kind, size, moved }, keep) {
    const known = keep
      ? payload.nodes.filter((node) => this.stood.has(node.id)).map((node) => [node.id, ...this.stood.get(node.id)])
      : [];
    const result = await this.layout(layoutRequest(payload, kind, size, known));
    if (!result) return false;
    const places = new Map(result.positions.map(([id, x, y]) => [id, [x, y]]));
    for (const [id, place] of moved) if (places.has(id)) places.set(id, place);
    this.bends = known.length ? this.bends : new Map(result.bends);
    if (known.length) this.#keepBends(payload, known);
    else this.grown = false;
    this.#dropBends([...moved.keys()]);
    this.places = places;
    this.stood = new Map([...(known.length ? this.stood : []), ...places]);
    this.scene = makeScene(payload, size, places);
    return true;
  }

  /** The user put a function elsewhere. */
  move(id, place) {
    this.stood.set(id, place);
    this.#dropBends([id]);
  }

  /** After growth an arrow keeps its way while both its ends stand where they stood. */
  #keepBends(payload, known) {
    const here = new Set(known.map(([id]) => String(id)));
    if (payload.nodes.some((node) => !here.has(String(node.id)))) this.grown = true;
    this.bends = new Map([...this.bends].filter(([key]) => key.split(">").every((id) => here.has(id))));
  }

  #dropBends(ids) {
    const gone = new Set(ids.map(String));
    this.bends = new Map([...this.bends].filter(([key]) => !key.split(">").some((id) => gone.has(id))));
  }
}
