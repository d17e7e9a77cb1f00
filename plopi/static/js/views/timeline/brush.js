/** Choosing a stretch with a finger or a mouse: drag over it, drag an end, or drag it along; a click takes the bar under it. */
import { shifted, snapped } from "../../layout/strip.js";

const EDGE = 8;

/**
 * @param actions {time(part of the width) => ns, buckets(), range() => [from, to], preview(range), done(range, shift), hover(part | null)}
 * @returns a function that ends it
 */
export function bindBrush(element, actions) {
  let drag = null;
  const part = (event) => {
    const box = element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const width = () => element.getBoundingClientRect().width;
  const end = () => actions.time(1);

  const kind = (at) => {
    const [from, to] = actions.range().map((time) => time / end());
    const near = (edge) => Math.abs(at - edge) * width() < EDGE;
    const whole = from <= 0 && to >= 1;
    if (near(from) && from > 0) return { fixed: to };
    if (near(to) && to < 1) return { fixed: from };
    return at > from && at < to && !whole ? { along: [from, to] } : { fixed: at };
  };
  const range = (at) => {
    const buckets = actions.buckets();
    if (drag.along) return shifted(buckets, drag.along.map((edge) => edge * end()), (at - drag.from) * end());
    const [a, b] = [drag.fixed, at].map((edge) => edge * end());
    return snapped(buckets, Math.min(a, b), Math.max(Math.min(a, b), Math.max(a, b) - 1));
  };

  const down = (event) => {
    if (event.button) return;
    const at = part(event);
    drag = { from: at, moved: false, ...(event.shiftKey ? { fixed: at } : kind(at)) };
    element.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    const at = part(event);
    if (!drag) {
      actions.hover(at);
      return;
    }
    drag.moved ||= Math.abs(at - drag.from) * width() > 3;
    if (drag.moved) actions.preview(range(at));
  };
  const up = (event) => {
    if (!drag) return;
    const at = part(event);
    const chosen = drag.moved ? range(at) : snapped(actions.buckets(), at * end(), at * end());
    drag = null;
    actions.done(chosen, event.shiftKey);
  };
  const cancel = () => {
    if (drag) actions.preview(actions.range());
    drag = null;
  };
  const leave = () => drag || actions.hover(null);

  const bound = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: cancel, pointerleave: leave };
  for (const [name, listener] of Object.entries(bound)) element.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(bound)) element.removeEventListener(name, listener);
  };
}
