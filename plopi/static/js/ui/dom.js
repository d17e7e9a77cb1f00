/** Elements without HTML strings: attributes and text nodes only, so that no name in a profile can ever become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * h("a", {href, class, onclick, disabled}, "text", element, ...): on* are listeners, true and false set or leave out an
 * attribute, null and false children are skipped.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function fill(element, attributes, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** True while the user types into something: single-key shortcuts then keep still. */
export function typing(event) {
  return event.target instanceof Element && event.target.closest("input, select, textarea, [contenteditable]") !== null;
}

/** Redraws a part of the page; what had the focus there (by its data-focus) has it afterwards. */
export function keepingFocus(container, redraw) {
  const inside = container.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  redraw();
  if (inside !== undefined) container.querySelector(`[data-focus="${CSS.escape(inside)}"]`)?.focus({ preventScroll: true });
}

/** Fills a select with [[value, words], ...], but only where they changed: an open one would close. */
export function options(select, pairs, chosen) {
  const now = pairs.map(([value, words]) => `${value}=${words}`).join("\n");
  if (select.dataset.now !== now) {
    replace(
      select,
      pairs.map(([value, words]) => h("option", { value }, words)),
    );
    select.dataset.now = now;
  }
  select.value = chosen;
}

/** Beside a search field: what was found, or why the search was refused. */
export function tellSearch(input, output, refused, found) {
  input.setAttribute("aria-invalid", String(Boolean(refused)));
  output.classList.toggle("refused", Boolean(refused));
  output.textContent = refused ?? found;
}
