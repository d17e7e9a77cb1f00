/** One element per thing that is drawn, and what part it plays beside the selection. */

const ROLES = ["is-selected", "is-caller", "is-callee", "is-near"];

export function setRole(element, role) {
  for (const name of ROLES) element.classList.toggle(name, name === role);
}

/** Makes and drops elements until `known` and `layer` hold one for each item, in the order of the items. */
export function joinLayer(known, layer, items, idOf, make) {
  const wanted = new Set(items.map(idOf));
  for (const [id, { group }] of known) {
    if (wanted.has(id)) continue;
    group.remove();
    known.delete(id);
  }
  for (const item of items) {
    const id = idOf(item);
    if (!known.has(id)) known.set(id, make(item));
  }
  const order = items.map((item) => known.get(idOf(item)).group);
  const stands = [...layer.children];
  if (order.some((group, i) => group !== stands[i])) layer.append(...order);
}
