/** The header of a profile and the sentences about its state. */
import { count, duration, plural, share, weight } from "../format.js";
import { h, replace } from "./dom.js";

const STATUS_WORDS = {
  growing: "The process runs and is being profiled",
  finished: "Complete",
  ended: "The process went away before the profile was finished",
  broken: "Cannot be read",
  unread: "Not read yet",
  gone: "Its file is gone; what was last read of it is shown",
};

export function statusChip(status) {
  return h("span", { class: `chip ${status}`, title: STATUS_WORDS[status] ?? status }, status);
}

/** @param notes {open, toggle()}: whether the notes are shown, and how to turn that */
export function showFacts(element, profile, payload, notes) {
  const fact = (words, value, title, minor = false) =>
    value ? h("span", { title, class: minor ? "minor" : null }, words, " ", h("b", {}, value)) : null;
  const cost =
    profile.own_cost_ns !== null && profile.own_cost_ns !== undefined && profile.process_cpu_ns
      ? share(profile.own_cost_ns, profile.process_cpu_ns)
      : "";
  const count_ = noteLines(profile).length;
  replace(
    element,
    statusChip(profile.status),
    payload ? fact("total", weight(payload.total, payload.type.unit), `Sum of ${payload.type.name} over what is shown`) : null,
    payload?.samples ? fact("samples", count(payload.samples), "Ticks at which stacks were taken") : null,
    fact("over", duration(profile.duration_ns), "Length by the clock on the wall", true),
    fact("own cost", cost, "CPU time that plopi took itself, as a share of the process's", true),
    profile.pid ? fact("pid", String(profile.pid), profile.command || "", true) : null,
    count_
      ? h(
          "button",
          { type: "button", "aria-expanded": String(notes.open), "aria-controls": "banner", onclick: notes.toggle },
          plural(count_, "note"),
        )
      : null,
  );
}

/** What must be seen without asking: the profile is not whole. */
export function warningLines(profile) {
  return profile.status === "ended"
    ? [
        "The process ended before the profile was finished. What it had written until then is shown; at most the last window is missing.",
      ]
    : [];
}

/** What the reader of the numbers may want to know: lost ticks, the collector's own words. */
export function noteLines(profile) {
  const { ticks, ticks_lost: lost, notes } = profile;
  const much = lost && ticks && lost > 0.05 * (ticks + lost);
  return [
    ...(notes ?? []),
    ...(much
      ? [
          `${share(lost, ticks + lost)} of the ticks were lost; weights come from clocks, so totals hold, but details are coarser.`,
        ]
      : []),
  ];
}

/** ["52 of 1,234 functions", "hidden ones own 3.1% of self", and what else is not seen]. */
export function leftOutWords(payload, hiddenLabels) {
  const { left_out: left, nodes, total } = payload;
  const all = nodes.length + left.functions + left.wrappers;
  const parts = [`${count(nodes.length)} of ${plural(all, "function")}`];
  if (left.functions) parts.push(`hidden ones own ${share(left.self, total)} of self`);
  const own = left.wrappers_self ? ` (${share(left.wrappers_self, total)})` : "";
  if (left.wrappers) parts.push(`${plural(left.wrappers, "wrapper")} folded${own}`);
  if (hiddenLabels) parts.push(`${plural(hiddenLabels, "name")} on hover`);
  if (left.edges) parts.push(`${plural(left.edges, "arrow")} left out`);
  return parts;
}
