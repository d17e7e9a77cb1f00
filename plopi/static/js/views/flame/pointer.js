/** What fingers and mice do to the canvas: hover, click, drag along, widen with the wheel or by pinching. */

const FAR = 4;
const WHEEL = 0.0022;

/**
 * @param actions {at(x, y) => row, hover(row, event), leave(), pick(row), pan(pixels), widen(factor, x)}
 */
export function bindPointer(canvas, scroller, actions) {
  const held = new Map();
  let moved = false;
  let start = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = box.width / canvas.clientWidth || 1;
    return { x: (event.clientX - box.left) / scale, y: (event.clientY - box.top) / scale };
  };
  const row = (event) => actions.at(...Object.values(place(event)));

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held.set(event.pointerId, place(event));
    start = place(event);
    moved = held.size > 1;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = held.get(event.pointerId);
    if (!before) {
      actions.hover(row(event), event);
      return;
    }
    if (!moved && Math.hypot(now.x - start.x, now.y - start.y) < FAR) return;
    if (!moved) canvas.setPointerCapture(event.pointerId);
    moved = true;
    actions.leave();
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    if (other) actions.widen(Math.abs(before.x - other.x) / Math.max(8, Math.abs(now.x - other.x)), (now.x + other.x) / 2);
    else {
      actions.pan(before.x - now.x);
      if (event.pointerType === "mouse") scroller.scrollTop += before.y - now.y;
    }
    held.set(event.pointerId, now);
  });
  const release = (event) => {
    const mine = held.delete(event.pointerId);
    if (event.type === "pointerup" && mine && !moved) actions.pick(row(event), event);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => actions.leave());
  canvas.addEventListener(
    "wheel",
    (event) => {
      const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) actions.widen(Math.exp(event.deltaY * WHEEL), place(event).x);
      else if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) actions.pan(across);
      else return;
      event.preventDefault();
    },
    { passive: false },
  );
}
