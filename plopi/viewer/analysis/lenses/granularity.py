"""Functions put together (by module, by package, or some packages alone) or taken apart (by line).

Put together they take the place, and the id, of the first of them: ids stay what they were while a recording grows. In a stack
a run of calls within one group is one frame, and a group counts once per sample however often its functions recur.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from plopi.errors import UsageError
from plopi.model import CALLS, NONE, Calls, Functions, Locations, Profile
from plopi.viewer.analysis.call_graph import calls_of
from plopi.viewer.analysis.columns import Ints, Mask, column, group_by_id, group_by_key
from plopi.viewer.analysis.growing_column import GrowingColumn
from plopi.viewer.analysis.lenses.lens import Lens
from plopi.viewer.analysis.lenses.tables import GrowingTable, since, stored
from plopi.viewer.analysis.lenses.tries import Branch, Trie
from plopi.viewer.analysis.numbering import Numbering
from plopi.viewer.analysis.packages import SPECIAL, Packages

Grouped = tuple[Ints, Sequence[str], Mask]
"""By function: the number of its group; the groups' names by number; by function: whether it is put together with others."""


class Regrouped(Exception):
    """Functions that were there before are in other groups now, so that nothing goes on from what it was."""


class Grouping:
    """Functions of one group become the first of them, under the group's name. Goes on with the same profile when it has
    grown."""

    def __init__(self, grouped: Callable[[Packages], Grouped]) -> None:
        self._grouped = grouped
        self._to, self._among = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
        self._size = (-1, -1)
        self._names: tuple[Functions, Sequence[str]]
        self._trie, self._stacks = Trie(), Branch()
        self._lines, self._places = Numbering(), Numbering()
        self._locations, self._went = GrowingTable(Locations, 2), GrowingColumn()
        self._samples = GrowingColumn()

    def grow(self, profile: Profile, places: Packages) -> Profile:
        """The profile over groups; ``places`` says where its functions belong. Raises Regrouped."""
        self._put_together(profile, places)
        functions, strings = self._names
        whole = replace(profile, functions=functions, strings=strings)
        if profile.shape == CALLS:
            return replace(whole, calls=_calls_between(profile, self._to, self._among))
        self._grow_stacks(profile)
        stack = self._stacks.of(since(profile.samples.stack, len(self._samples)))
        samples = replace(profile.samples, stack=stored(self._samples.append(stack)))
        return replace(whole, locations=self._locations.table, stacks=self._trie.table, samples=samples)

    def _put_together(self, profile: Profile, places: Packages) -> None:
        size = len(profile.functions), len(profile.strings)
        if size == self._size:
            return
        group, names, among = self._grouped(places)
        member = np.flatnonzero(among)
        keys, groups = group_by_key(group[member])
        first = member[groups.rows[groups.start[:-1]]]
        to = np.arange(size[0], dtype=np.int64)
        to[member[groups.rows]] = np.repeat(first, np.diff(groups.start))
        there = len(self._to)
        if not (np.array_equal(to[:there], self._to) and np.array_equal(among[:there], self._among)):
            raise Regrouped
        self._size, self._to, self._among = size, to, among
        self._names = _renamed(profile, first, [names[key] for key in keys.tolist()], to)

    def _grow_stacks(self, profile: Profile) -> None:
        """Of a group no line is known; the other functions keep theirs. What runs on within a group is the same frame."""
        own = column(profile.locations.function)
        to, grouped = self._to[own], self._among[own]
        there = len(self._went)
        function, line = to[there:], np.where(grouped[there:], 0, since(profile.locations.line, there))
        place, new = self._places.of((function << 32) + self._lines.of(line)[0])
        label = self._went.append(place)
        self._locations.append(function[new], line[new])
        parent, location = (since(each, len(self._stacks)) for each in (profile.stacks.parent, profile.stacks.location))
        outer = np.asarray(profile.stacks.location)[parent]  # of roots: of no matter what
        runs_on = (parent >= 0) & grouped[location] & (to[outer] == to[location])
        self._stacks.grow(self._trie, parent, label[location], ~runs_on)


def groupings(lens: Lens) -> list[Grouping]:
    """What a lens puts together, the first one first."""
    found = []
    if lens.collapse:
        found.append(Grouping(lambda places: _collapsed(lens.collapse, places)))
    if lens.by in ("module", "package"):
        found.append(Grouping(lambda places: _all_code(places.packages if lens.by == "package" else places.modules, places)))
    return found


def without_leftovers(profile: Profile) -> tuple[Profile, Ints]:
    """A dump says of every function that it is there, so those that were put together have to go. (A dump does not grow: no id
    that somebody remembers moves.) And where the functions that are left were before."""
    functions, calls = profile.functions, calls_of(profile)
    kept = np.flatnonzero(column(functions.name) >= 0)
    if len(kept) == len(functions):
        return profile, kept
    number = np.full(len(functions), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    table = Functions(*(stored(column(each)[kept]) for each in (functions.name, functions.file, functions.line)))
    by_function = {name: stored(column(getattr(calls, name))[kept]) for name in ("calls", "primitive", "self", "cum")}
    by_edge = {name: stored(number[column(getattr(calls, name))]) for name in ("caller", "callee")}
    return replace(profile, functions=table, calls=replace(calls, **by_function, **by_edge)), kept


def _all_code(names: Sequence[str], places: Packages) -> Grouped:
    return names_by_function(names, places), sorted(set(names)), _code(places)


def _code(places: Packages) -> Mask:
    """By function: whether it is one at all, and not collection of garbage or the like, which stays what it is."""
    return np.array([name not in SPECIAL.values() for name in places.packages], dtype=np.bool_)[places.file_row]


def names_by_function(names: Sequence[str], places: Packages) -> Ints:
    """By function: the number of its name among all names in order, for names by file row."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    by_row = np.array([numbers[name] for name in names], dtype=np.int64)
    return by_row[places.file_row]


def _collapsed(wanted: Sequence[str], places: Packages) -> Grouped:
    """Each function in its package or module where that is wanted, the wider first."""
    names = []
    known = {*places.packages, *places.modules}
    if missing := next((each for each in wanted if each not in known), None):
        raise UsageError(f"collapse={missing[:60]!r} is no package or module of this profile: take one from the legend or table.")
    for package, module in zip(places.packages, places.modules):
        names.append(package if package in wanted else module if module in wanted else "")
    group = names_by_function(names, places)
    order = sorted(set(names))
    return group, order, np.array([bool(name) for name in order], dtype=np.bool_)[group]


def _renamed(profile: Profile, first: Ints, names: Sequence[str], to: Ints) -> tuple[Functions, Sequence[str]]:
    """Groups by name; the file is that of all of its functions, or the directory that they share."""
    old = profile.functions
    files = column(old.file)
    strings = list(profile.strings)
    name, file, line = column(old.name).copy(), files.copy(), column(old.line).copy()
    line[first] = 0
    by_first = group_by_id(to, len(old))
    for function, text in zip(first.tolist(), names):
        paths = [profile.strings[each] for each in np.unique(files[by_first.of(function)]).tolist()]
        name[function] = len(strings)
        file[function] = len(strings) + 1
        strings += (text, paths[0] if len(paths) == 1 else _shared(paths))
    if profile.shape == CALLS:
        name[to != np.arange(len(to))] = NONE
    return Functions(stored(name), stored(file), stored(line)), tuple(strings)


def _shared(paths: Sequence[str]) -> str:
    first, last = min(paths), max(paths)
    alike = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, alike) + 1]


class Lines:
    """Each location a function of its own, named after function and line; where the line is not known, after the function. Goes
    on with the same profile when it has grown."""

    def __init__(self) -> None:
        self._size = (-1, -1, -1)
        self._names: tuple[Functions, Sequence[str]]

    def grow(self, profile: Profile) -> Profile:
        size = len(profile.functions), len(profile.locations), len(profile.strings)
        if size != self._size:
            self._size, self._names = size, _named_by_line(profile)
        functions, strings = self._names
        own = np.arange(len(profile.locations), dtype=np.int64)
        return replace(profile, strings=strings, functions=functions, locations=Locations(stored(own), profile.locations.line))


def _named_by_line(profile: Profile) -> tuple[Functions, Sequence[str]]:
    functions, locations = profile.functions, profile.locations
    function, line = column(locations.function), column(locations.line)
    name, first = column(functions.name)[function], column(functions.line)[function]
    strings = list(profile.strings)
    names = name.copy()
    for location in np.flatnonzero(line != 0).tolist():
        names[location] = len(strings)
        strings.append(f"{profile.strings[name[location]]}:{line[location]}")
    table = Functions(stored(names), stored(column(functions.file)[function]), stored(np.where(line != 0, line, first)))
    return table, tuple(strings)


def _calls_between(profile: Profile, to: Ints, among: Mask) -> Calls:
    """A dump over groups. Self is exact. Edges between groups are sums, and cum is the most that it can be: see ``_most``."""
    calls = calls_of(profile)
    count = len(to)
    caller, callee = to[column(calls.caller)], to[column(calls.callee)]
    between = np.flatnonzero((caller != callee) | ~among[column(calls.caller)])
    keys, rows = group_by_key(caller[between] * count + callee[between])

    def by_function(values: Ints) -> Ints:
        sums = np.zeros(count, dtype=np.int64)
        np.add.at(sums, to, values)
        return sums

    columns = [
        rows.sums(column(each)[between]) for each in (calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum)
    ]
    most = np.minimum(by_function(_most(calls, to)), max(int(column(calls.self).sum()), 0))
    alone = np.bincount(to, minlength=count) == 1
    cum = np.where(alone, column(calls.cum), np.maximum(most, by_function(column(calls.self))))
    return Calls(
        stored(by_function(column(calls.calls))),
        stored(by_function(column(calls.primitive))),
        stored(by_function(column(calls.self))),
        stored(cum),
        stored(keys // count),
        stored(keys % count),
        *(stored(each) for each in columns),
    )


def _most(calls: Calls, to: Ints) -> Ints:
    """By function: the most time by which it can add to its group's cum.

    What comes in from other groups bounds that where all calls are accounted for by callers; a function that was called from
    outside the dump may add all of its cum. Groups that call each other in turn are counted more than once: an upper bound.
    """
    count = len(to)
    caller, callee = column(calls.caller), column(calls.callee)
    foreign = to[caller] != to[callee]
    inward = np.zeros(count, dtype=np.int64)
    np.add.at(inward, callee[foreign], column(calls.edge_cum)[foreign])
    counted = np.zeros(count, dtype=np.int64)
    np.add.at(counted, callee, column(calls.edge_calls))
    cum = column(calls.cum)
    return np.where(counted < column(calls.calls), cum, np.minimum(cum, inward))
