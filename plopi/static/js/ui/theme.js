/** Dark, light, or as the system has it; remembered per browser, never part of a URL. */
import { h } from "./dom.js";

const KEY = "plopi-theme";
const NEXT = { system: "dark", dark: "light", light: "system" };
const SIGN = { system: "◐", dark: "☾", light: "☀" };

export function applyTheme() {
  const chosen = stored();
  if (chosen === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", chosen);
  return chosen;
}

export function themeButton() {
  const button = h("button", { class: "icon", type: "button", onclick: () => turn(button) });
  describe(button, applyTheme());
  return button;
}

/** Tells of every change of colours, the system's too; what it gives ends that. */
export function onTheme(changed) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  dark.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", changed);
  };
}

function turn(button) {
  const next = NEXT[stored()];
  try {
    localStorage.setItem(KEY, next);
  } catch {
    document.documentElement.setAttribute("data-theme", next);
  }
  describe(button, applyTheme());
}

function describe(button, chosen) {
  button.textContent = SIGN[chosen];
  const words = chosen === "system" ? "as the system" : chosen;
  button.setAttribute("title", `Theme: ${words}. Click for ${NEXT[chosen]}`);
  button.setAttribute("aria-label", `Theme: ${words}`);
}

function stored() {
  try {
    const value = localStorage.getItem(KEY);
    return value in NEXT ? value : "system";
  } catch {
    return "system";
  }
}
