"""A view as plain text, to be read in a terminal or put in a message: the table in columns, then the call tree, indented.

Of a pstats dump, which has no tree, the callers and callees of its functions instead, as ``go tool pprof -peek`` has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from plopi.model import STACKS
from plopi.viewer import payloads
from plopi.viewer.analysis import Index
from plopi.viewer.payloads import Json
from plopi.viewer.payloads.flame import NARROWEST, Asked
from plopi.viewer.view import MOST_PER, View

LEAST = 0.005
"""The smallest share of all that is a line of the tree (go tool pprof's nodefraction)."""
CHANGES = ("self+-", "cum+-")
MOST_PEEKS = 50
"""Functions of a dump that are shown between their callers and callees: the first rows of the table."""
MOST_ENDS = 10
"""Callers, and callees, of each."""


def plain(about: Index, view: View, asked: Asked, name: str) -> str:
    """What the view shows; in a comparison with the change of each number, marked by ~ where chance may have made it."""
    table = payloads.table(about, replace(view, page=1, per=MOST_PER))
    unit, scale = _unit(table)
    lines = [f"{name}: {table['type']['name']} in {unit}, total {_amount(table['total'], scale)}"]
    for kind in ("focus", "ignore", "hide", "collapse"):
        lines += [f"{kind} {pattern}" for pattern in getattr(view.lens, kind)]
    if "base" in table:
        lines.append(f"compared with {table['base']['name']}, total {_amount(table['base']['total'], scale)}")
    lines += ["", *_table(table, scale)]
    if about.profile.shape != STACKS:
        lines += ["", *_peeks(about, view, table, scale)]
    elif table["total"] or table.get("base", {}).get("total"):
        lines += ["", *_tree(payloads.flame(about, view, replace(asked, width=round(NARROWEST / LEAST), q="")), scale)]
    return "".join(_printable(line).rstrip() + "\n" for line in lines)


def _table(table: Json, scale: float) -> Iterator[str]:
    changes = CHANGES if "base" in table else ()
    yield _columns("self", "self%", "sum%", "cum", "cum%", *changes) + "  function"
    total, so_far = table["total"], 0
    for row in table["rows"]:
        so_far += row["self"]
        part = (_amount(row["self"], scale), _share(row["self"], total), _share(so_far, total))
        whole = (_amount(row["cum"], scale), _share(row["cum"], total))
        changed = [_change(row[k], row[f"base_{k}"], (row["noise"] or {}).get(k), total) for k in ("self", "cum") if changes]
        yield _columns(*part, *whole, *changed) + f"  {row['name']} {_place(row)}"
    if left := table["shown"] - len(table["rows"]):
        yield f"and {left:,} more functions"


def _peeks(about: Index, view: View, table: Json, scale: float) -> Iterator[str]:
    """Callers above and callees below each function: what the calls between the two weigh, as a share of the function's cum."""
    yield "A pstats dump holds no stacks, so there is no call tree of it. Callers stand above a function, what it calls below:"
    for row in table["rows"][:MOST_PEEKS]:
        found = payloads.function(about, view, row["id"])
        yield ""
        yield _columns("cum", "cum%", *CHANGES[1:] * ("base_cum" in row)) + "  function"
        yield from _ends(found, "callers", scale)
        own = {"weight": row["cum"], "base_weight": row.get("base_cum"), "weight_noise": (row.get("noise") or {}).get("cum")}
        yield _edge({**row, **own}, row["cum"], scale)
        yield from _ends(found, "callees", scale)


def _ends(found: Json, which: str, scale: float) -> Iterator[str]:
    """The heaviest callers or callees."""
    shown = found[which][:MOST_ENDS]
    yield from (_edge(end, found["function"]["cum"], scale, "    ") for end in shown)
    if left := found[f"{which}_total"] - len(shown):
        yield " " * 26 + f"and {left:,} more {which}"


def _edge(end: Json, whole: int, scale: float, indent: str = "") -> str:
    share = ("" if end["exact"] else "<=") + _share(end["weight"], whole)
    base = end.get("base_weight")
    changed = [] if base is None else [_change(end["weight"], base, end["weight_noise"], whole)]
    return _columns(_amount(end["weight"], scale), share, *changed) + f"  {indent}{end['name']} {_place(end)}"


def _tree(flame: Json, scale: float) -> Iterator[str]:
    """Boxes below the one they hang on, the heaviest first; what is too small for a line is counted at the end."""
    nodes, total = flame["nodes"], flame["total"]
    weights, compared = nodes["weight"], "base" in nodes
    own = ("self%",) * (not flame["inverted"])
    yield _columns("cum", "cum%", *own, *CHANGES[1:] * compared) + ("  calls" if own else "  callers")
    below: dict[int, list[int]] = {}
    for box in sorted(range(len(weights)), key=lambda box: -nodes["width" if compared else "weight"][box]):
        below.setdefault(nodes["parent"][box], []).append(box)
    todo = [(box, 0) for box in reversed(below.get(-1, []))]
    while todo:
        box, depth = todo.pop()
        figures = [_amount(weights[box], scale), *(_share(nodes[of][box], total) for of in ("weight", "self")[: 1 + len(own)])]
        if compared:
            figures.append(_change(weights[box], nodes["base"][box], nodes["noise"][box], total))
        yield _columns(*figures) + "  " + "  " * depth + flame["functions"][str(nodes["function"][box])]["label"]
        todo += [(inner, depth + 1) for inner in reversed(below.get(box, []))]
    if cut := flame["cut"]["nodes"]:
        yield f"and {cut:,} below {100 * LEAST:g}%, {_share(flame['cut']['weight'], total)} together"


def _unit(answer: Json) -> tuple[str, float]:
    """In what weights are told, all alike; times with three places behind the point."""
    unit = str(answer["type"]["unit"])
    if unit != "nanoseconds":
        return unit, 0.0
    return ("s", 1e9) if max(answer["total"], answer.get("base", {}).get("total", 0)) >= 10**9 else ("ms", 1e6)


def _amount(weight: int, scale: float) -> str:
    return f"{weight / scale:.3f}" if scale else str(weight)


def _share(part: int, total: int) -> str:
    return f"{100 * part / total:.1f}%" if total else "-"


def _change(after: int, before: int, noise: int | None, total: int) -> str:
    chance = "~" if after != before and abs(after - before) <= (noise or 0) else ""
    return f"{chance}{100 * (after - before) / total:+.1f}%" if total else "-"


def _place(row: Json) -> str:
    return f"({row['file']}:{row['line']})" if row["file"] else ""


def _columns(*cells: str) -> str:
    return "".join(f"{cell:>{11 if first else 9}}" for first, cell in zip([True, *[False] * len(cells)], cells))


def _printable(line: str) -> str:
    """No name steers a terminal, or begins a line of its own."""
    return line if line.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
