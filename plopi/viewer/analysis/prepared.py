"""What depends on a profile's structure alone and costs more than a moment: made once, where the file is read, and kept.

``prepare`` runs in the worker; ``structure_from`` views its arrays in the server and trusts nothing, because the file may have
taken the worker over: wrong content must never lead outside an array or into an endless loop. That it is *right* is not
checked; it would cost as much as doing it. A file can only make its own numbers wrong, as it could anyhow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plopi.errors import FormatError
from plopi.formats.strings import Strings, packed
from plopi.model import CALLS, Profile
from plopi.viewer.analysis.call_graph import StackStructure, Structure, calls_of
from plopi.viewer.analysis.call_tree import CallTree, call_tree, topmost
from plopi.viewer.analysis.columns import (
    Groups,
    Ids,
    Ints,
    column,
    compact,
    group_by_id,
    group_by_key,
    pair_keys,
    prefix_sums,
    stable_order,
)
from plopi.viewer.analysis.packages import Packages, packages
from plopi.viewer.analysis.search import NEWLINE, Lines, Texts
from plopi.viewer.analysis.table import order_by_name

Arrays = Mapping[str, NDArray[Any]]
"""Arrays of int32 or int64 by name, text as bytes; read-only, and of the profile they were made of."""

_NUMBERS = (np.dtype(np.int32), np.dtype(np.int64))


def prepare(profile: Profile) -> dict[str, NDArray[Any]]:
    """All that the ``*_from`` here want, in time linear in the profile but for sorting.

    Edges by (caller, callee) as ``edges.*``; the call tree by position (``tree.*``), and where functions and edges occur in it
    (``activations.*``, ``edge_activations.*``); for CALLS the dump's weights by edge (``dump.edge``). The functions' order by
    name (``names.order``), and where they belong (``packages.*``). All strings as lines to be searched (``names.lines``).
    """
    structure = _prepare_calls(profile) if profile.shape == CALLS else _prepare_stacks(profile)
    texts = Texts(profile.strings)
    names = {"names.order": order_by_name(profile, texts), "names.lines": texts.exact.array}
    return structure | _prepare_packages(profile) | names


def structure_of(profile: Profile) -> Structure:
    """The call graph without weights, worked out here and now."""
    return structure_from(profile, _prepare_calls(profile) if profile.shape == CALLS else _prepare_stacks(profile))


def structure_from(profile: Profile, arrays: Arrays) -> Structure:
    """The call graph without weights, out of what was prepared. FormatError where the arrays cannot belong to the profile."""
    return _Checked(profile, arrays).structure()


def packages_from(profile: Profile, arrays: Arrays) -> Packages:
    """Where functions belong. FormatError likewise, as from ``order_from``."""
    return _Checked(profile, arrays).packages()


def order_from(profile: Profile, arrays: Arrays) -> Ids:
    """Functions by name."""
    return _Checked(profile, arrays).order()


def texts_from(profile: Profile, arrays: Arrays) -> Texts:
    """The strings to be searched."""
    return _Checked(profile, arrays).texts()


def _prepare_calls(profile: Profile) -> dict[str, NDArray[Any]]:
    key, edge = edges_of_dump(profile)
    return {"dump.edge": edge, **_edges(key, len(profile.functions))}


def edges_of_dump(profile: Profile) -> tuple[Ints, Ints]:
    """The keys of a dump's edges, rising, and the weight of each."""
    calls = calls_of(profile)
    caller, callee = np.asarray(calls.caller), np.asarray(calls.callee)
    key, rows = group_by_key(pair_keys(caller, callee, len(profile.functions)))
    weights = column(calls.edge_cum)
    return key, weights[rows.rows] if len(key) == len(caller) else rows.sums(weights)


def _prepare_stacks(profile: Profile) -> dict[str, NDArray[Any]]:
    functions = len(profile.functions)
    tree = call_tree(profile)
    tops = topmost(tree.function, np.arange(len(tree), dtype=np.int64), tree.end)
    called = np.flatnonzero(tree.parent >= 0)
    key = pair_keys(tree.function[tree.parent[called]], tree.function[called], functions)
    edge_tops = topmost(key, called, tree.end[called])
    keys, edges = group_by_key(key[edge_tops])
    return {
        "tree.position": compact(tree.position),
        "tree.parent": compact(tree.parent),
        "tree.end": compact(tree.end),
        "tree.function": compact(tree.function),
        "tree.line": compact(tree.line),
        **_groups("activations", _at(tops, group_by_id(tree.function[tops], functions))),
        **_groups("edge_activations", _at(called[edge_tops], edges)),
        **_edges(keys, functions),
    }


def _edges(key: Ints, functions: int) -> dict[str, NDArray[Any]]:
    """Edges from their keys, which rise."""
    caller, callee = np.divmod(key, max(functions, 1))
    return {
        "edges.caller": compact(caller),
        "edges.callee": compact(callee),
        "edges.caller_start": _starts(caller, functions),
        "edges.by_callee": compact(stable_order(callee)),
        "edges.callee_start": _starts(callee, functions),
    }


def _starts(ids: Ids, count: int) -> Ids:
    return compact(prefix_sums(np.bincount(ids, minlength=count)))


def _prepare_packages(profile: Profile) -> dict[str, NDArray[Any]]:
    found = packages(profile)
    names = packed(found.names)
    return {
        "packages.file_row": compact(found.file_row),
        "packages.package": compact(found.package),
        "packages.module": compact(found.module),
        "packages.names": np.frombuffer(names.blob, dtype=np.uint8),
        "packages.names_start": compact(names.offsets),
    }


def _at(positions: Ints, groups: Groups) -> Groups:
    """Groups of rows of ``positions`` as groups of positions."""
    return Groups(positions[groups.rows], groups.start)


def _groups(name: str, groups: Groups) -> dict[str, NDArray[Any]]:
    return {f"{name}.rows": compact(groups.rows), f"{name}.start": compact(groups.start)}


class _Checked:
    """Views prepared arrays, each checked as far as safety needs it."""

    def __init__(self, profile: Profile, arrays: Arrays) -> None:
        self._profile = profile
        self._arrays = arrays
        self._functions = len(profile.functions)

    def structure(self) -> Structure:
        caller = self._ids("edges.caller", self._functions)
        edges = len(caller)
        callee = self._ids("edges.callee", self._functions, edges)
        return Structure(
            self._functions,
            caller,
            callee,
            callees=Groups(np.arange(edges, dtype=np.int32), self._starts("edges.caller_start", edges, self._functions)),
            callers=Groups(
                self._ids("edges.by_callee", edges, edges), self._starts("edges.callee_start", edges, self._functions)
            ),
            stacks=None if self._profile.shape == CALLS else self._stacks(edges),
            dump=self._array("dump.edge", edges) if self._profile.shape == CALLS else None,
        )

    def packages(self) -> Packages:
        package = self._array("packages.package", None)
        text = self._array("packages.names", None, (np.dtype(np.uint8),))
        names = self._starts("packages.names_start", len(text))
        count = len(names) - 1
        self._insist(count > 0 and names[1] == 0, "packages.names_start")
        return Packages(
            Strings(memoryview(text.tobytes()), column(names)),
            self._ids("packages.package", count),
            self._ids("packages.module", count, len(package)),
            self._ids("packages.file_row", len(package), self._functions),
            lambda: packages(self._profile).modules,
        )

    def texts(self) -> Texts:
        strings = packed(self._profile.strings)
        count = len(strings)
        end = np.asarray(strings.offsets[1:], dtype=np.int64) + np.arange(count)
        lines = self._array("names.lines", int(strings.offsets[-1]) + count, (np.dtype(np.uint8),))
        ended = np.count_nonzero(lines == NEWLINE) == count and bool(np.all(lines[end] == NEWLINE))
        self._insist(ended, "names.lines")
        return Texts(strings, Lines(lines.tobytes(), end))

    def order(self) -> Ids:
        return self._ids("names.order", self._functions, self._functions)

    def _stacks(self, edges: int) -> StackStructure:
        nodes = len(self._profile.stacks)
        parent = self._ids("tree.parent", nodes, nodes, least=-1)
        end = self._ids("tree.end", nodes + 1, nodes)
        place = np.arange(nodes, dtype=np.int32)
        self._insist(bool(np.all(parent < place)), "tree.parent")
        self._insist(bool(np.all(end > place)), "tree.end")
        tree = CallTree(
            position=self._ids("tree.position", nodes, nodes),
            parent=parent,
            end=end,
            function=self._ids("tree.function", self._functions, nodes),
            line=self._array("tree.line", nodes),
        )
        return StackStructure(
            tree, self._groups("activations", self._functions, nodes), self._groups("edge_activations", edges, nodes)
        )

    def _groups(self, name: str, groups: int, rows: int) -> Groups:
        found = self._ids(f"{name}.rows", rows)
        return Groups(found, self._starts(f"{name}.start", len(found), groups))

    def _starts(self, name: str, rows: int, groups: int | None = None) -> Ids:
        """Where each group begins among rows that all belong to one."""
        start = self._ids(name, rows + 1, None if groups is None else groups + 1)
        rising = len(start) and start[0] == 0 and start[-1] == rows and bool(np.all(start[1:] >= start[:-1]))
        self._insist(bool(rising), name)
        return start

    def _ids(self, name: str, count: int, length: int | None = None, least: int = 0) -> Ids:
        """An array of numbers from ``least`` to ``count - 1``."""
        ids = self._array(name, length)
        self._insist(not len(ids) or (ids.min() >= least and ids.max() < count), name)
        return ids

    def _array(self, name: str, length: int | None, kinds: Sequence[np.dtype[Any]] = _NUMBERS) -> NDArray[Any]:
        if name not in self._arrays:
            raise FormatError(f"what was prepared of this profile lacks {name!r}; please report this file")
        array = self._arrays[name]
        self._insist(array.ndim == 1 and array.dtype in kinds, name)
        self._insist(length is None or len(array) == length, name)
        return array

    def _insist(self, good: bool, name: str) -> None:
        if not good:
            raise FormatError(f"what was prepared of this profile has an impossible {name!r}; please report this file")
