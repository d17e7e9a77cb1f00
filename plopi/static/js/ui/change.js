/** How a weight of a comparison changed, as a cell: in brackets and grey where chance may have made it. */
import { changeClass, chanceWords, share, weight } from "../format.js";
import { h } from "./dom.js";

/**
 * @param noise half the width of what chance explains; null where numbers are exact
 * @param answer what the weights are of: {total, type}; @param as "share" of the total, or "weight"
 */
export function changeCell(after, before, noise, { total, type }, as = "share") {
  const change = after - before;
  const kind = changeClass(after, before, noise, total).slice(0, 4);
  const sign = change > 0 ? "+" : change < 0 ? "−" : "";
  const [part, amount] = [share(Math.abs(change), total), weight(Math.abs(change), type.unit)].map((words) => sign + words);
  const words = as === "share" ? part : amount;
  const title = [`before ${weight(before, type.unit)}`, `${amount} (${part} of all)`, chanceWords(change, noise, total)].filter(Boolean).join("; ");
  return h("span", { class: `change ${kind in KINDS ? kind : "same"}`, title }, change && !(kind in KINDS) ? `(${words})` : words);
}

const KINDS = { more: true, less: true };
