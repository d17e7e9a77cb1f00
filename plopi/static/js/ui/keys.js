/** Single-key commands of a page, and walking the graph by arrow keys. */
import { typing } from "./dom.js";

/** Where arrows and Enter belong to the element itself. */
const LISTS = "#panel, #controls, #chips, #top, #strips, .menu";
const THEIRS = ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Enter", " "];

/** @param commands () => {key: () => handled}: a command that gives false leaves the key to the browser */
export function bindKeys(commands) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (typing(event)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (THEIRS.includes(event.key) && event.target.closest?.(LISTS)) return;
    const known = commands();
    if (Object.hasOwn(known, event.key) && known[event.key](event) !== false) event.preventDefault();
  });
}
