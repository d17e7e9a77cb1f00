/** The picture as a file: what is drawn, with its legend, nothing in it that would have to be looked up elsewhere. */
import { fill, s } from "../../ui/dom.js";

const PROPERTIES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "paint-order",
  "vector-effect", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "font-variant-numeric",
]; // prettier-ignore
const LEGEND = 64;
const RIM = 12;
/** A PNG has this many pixels for each of the screen. */
const SHARPNESS = 2;

/**
 * @param svg the drawing; @param kind "svg" or "png"
 * @param about {name of the profile, legend: {groups, leftOut}}
 */
export async function savePicture(svg, kind, { name, legend }) {
  const { element, width, height } = standalone(svg, name, legend);
  const text = new XMLSerializer().serializeToString(element);
  const whole = new Blob([text], { type: "image/svg+xml" });
  const file = name.replaceAll(/[^\w.-]+/g, "-");
  if (kind === "svg") download(whole, `${file}.svg`);
  else download(await painted(text, width, height), `${file}.png`);
}

/** A copy that looks the same anywhere: every style that matters stands at its element. */
export function standalone(svg, name, legend) {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true);
  inline(svg, copy);
  for (const unseen of copy.querySelectorAll(".hit, .focus-halo, [hidden]")) unseen.remove();
  copy.removeAttribute("id");
  const ground = getComputedStyle(document.body).backgroundColor;
  const total = height + LEGEND;
  fill(copy, { viewBox: `0 0 ${width} ${total}`, width, height: total, style: null });
  copy.removeAttribute("style");
  copy.prepend(s("title", {}, name), s("rect", { width, height: total, fill: ground }));
  copy.append(legendOf(legend, name, width, height));
  return { element: copy, width, height: total };
}

function inline(from, to) {
  const look = getComputedStyle(from);
  for (const name of ["class", "tabindex", "role", "aria-haspopup", "aria-pressed", "data-id", "data-key", "data-ready", "style"]) to.removeAttribute(name);
  if (from.localName !== "g" && from.localName !== "svg") {
    for (const property of PROPERTIES) {
      const value = look.getPropertyValue(property);
      if (value && value !== "normal" && value !== "auto") to.setAttribute(property, value.replaceAll('"', "'"));
    }
  } else if (look.opacity !== "1") to.setAttribute("opacity", look.opacity);
  const children = [...from.children];
  [...to.children].forEach((child, i) => inline(children[i], child));
}

/** Colours and the line of what is not drawn, as text beneath. */
function legendOf({ groups, leftOut }, name, width, top) {
  const ink = getComputedStyle(leftOut);
  const font = { "font-family": ink.fontFamily.replaceAll('"', "'"), "font-size": 12, fill: ink.color };
  const layer = s("g", {});
  let [x, y] = [RIM, top + 18];
  for (const group of groups.children) {
    const words = (group.querySelector(".native") ? "◔ " : "") + group.textContent;
    const wide = group.getBoundingClientRect().width + 16;
    if (x + wide > width && x > RIM) [x, y] = [RIM, y + 17];
    const swatch = group.querySelector(".swatch:not(.native)");
    if (swatch) layer.append(s("circle", { cx: x + 5, cy: y - 4, r: 5, fill: getComputedStyle(swatch).backgroundColor }));
    layer.append(s("text", { x: x + (swatch ? 15 : 0), y, ...font }, words));
    x += wide;
  }
  layer.append(s("text", { x: RIM, y: top + LEGEND - 8, ...font }, `${name}: ${leftOut.title}`));
  return layer;
}

async function painted(text, width, height) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * SHARPNESS;
  canvas.height = height * SHARPNESS;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
