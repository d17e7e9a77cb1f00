/** An empty or absent data directory (then `problem` says so): the commands that fill it. */
import { h } from "./dom.js";

export function emptyState(datadir, problem) {
  const example = (title, lines) => [h("h3", {}, title), h("pre", {}, lines.join("\n"))];
  const quoted = /^[\w./~-]+$/.test(datadir) ? datadir : `'${datadir.replaceAll("'", "'\\''")}'`;
  return h(
    "section",
    { class: "empty" },
    h("h2", {}, "No profiles yet"),
    problem ? h("p", {}, problem) : null,
    h(
      "p",
      {},
      "This page shows every profile that appears in ",
      h("code", {}, datadir),
      ", as soon as it is there. To make one:",
    ),
    example("A script or a module", [
      `python -m plopi.collector --datadir ${quoted} script.py`,
      `python -m plopi.collector --datadir ${quoted} -m package.module`,
    ]),
    example("A stretch of your own code", [
      "import plopi",
      "",
      `with plopi.profile(datadir=${JSON.stringify(datadir)}):`,
      "    work()",
    ]),
    example("What another profiler wrote: copy it there", [
      `python -m cProfile -o ${quoted}/run.pstats script.py`,
      `py-spy record --format raw -o ${quoted}/run.folded -- python script.py`,
    ]),
  );
}
