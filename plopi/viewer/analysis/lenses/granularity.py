"""Functions put together (by module, by package, or some packages alone) or taken apart (by line).

Put together they take the place, and the id, of the first of them: ids stay what they were while a recording grows. In a stack
a run of calls within one group is one frame, and a group counts once per sample however often its functions recur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from plopi.errors import UsageError
from plopi.model import CALLS, NONE, Calls, Functions, Locations, Profile, Stacks
from plopi.viewer.analysis.call_graph import calls_of
from plopi.viewer.analysis.columns import Ints, Mask, column, group_by_id, group_by_key
from plopi.viewer.analysis.lenses.lens import Lens
from plopi.viewer.analysis.lenses.tables import stored
from plopi.viewer.analysis.lenses.tries import merged
from plopi.viewer.analysis.packages import SPECIAL, Packages


@dataclass(frozen=True)
class Seen:
    """A profile through a lens, and where its functions belong. ``like``: by function, one of those before that belongs there."""

    profile: Profile
    like: Ints


def regrouped(profile: Profile, lens: Lens, places: Packages) -> Seen:
    """Functions as the lens wants them; ``places`` says where the profile's functions belong."""
    if lens.collapse:
        profile = _put_together(profile, *_collapsed(lens.collapse, places))
    if lens.by == "line":
        return Seen(by_line(profile), column(profile.locations.function))
    if lens.by != "function":
        names = places.packages if lens.by == "package" else places.modules
        group = names_by_function(names, places)
        profile = _put_together(profile, group, sorted(set(names)), _code(places))
    if profile.shape == CALLS:
        return _without_leftovers(profile)
    return Seen(profile, np.arange(len(profile.functions), dtype=np.int64))


def _without_leftovers(profile: Profile) -> Seen:
    """A dump says of every function that it is there, so those that were put together have to go. (A dump does not grow: no id
    that somebody remembers moves.)"""
    functions, calls = profile.functions, calls_of(profile)
    kept = np.flatnonzero(column(functions.name) >= 0)
    if len(kept) == len(functions):
        return Seen(profile, kept)
    number = np.full(len(functions), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    table = Functions(*(stored(column(each)[kept]) for each in (functions.name, functions.file, functions.line)))
    by_function = {name: stored(column(getattr(calls, name))[kept]) for name in ("calls", "primitive", "self", "cum")}
    by_edge = {name: stored(number[column(getattr(calls, name))]) for name in ("caller", "callee")}
    calls = replace(calls, **by_function, **by_edge)
    return Seen(replace(profile, functions=table, calls=calls), kept)


def _code(places: Packages) -> Mask:
    """By function: whether it is one at all, and not collection of garbage or the like, which stays what it is."""
    return np.array([name not in SPECIAL.values() for name in places.packages], dtype=np.bool_)[places.file_row]


def names_by_function(names: Sequence[str], places: Packages) -> Ints:
    """By function: the number of its name among all names in order, for names by file row."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    by_row = np.array([numbers[name] for name in names], dtype=np.int64)
    return by_row[places.file_row]


def _collapsed(wanted: Sequence[str], places: Packages) -> tuple[Ints, list[str], Mask]:
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


def _put_together(profile: Profile, group: Ints, names: Sequence[str], among: Mask) -> Profile:
    """Functions of one ``group`` become the first of them, under the group's name; only those ``among``."""
    count = len(profile.functions)
    member = np.flatnonzero(among)
    keys, groups = group_by_key(group[member])
    first = member[groups.rows[groups.start[:-1]]]
    to = np.arange(count, dtype=np.int64)
    to[member[groups.rows]] = np.repeat(first, np.diff(groups.start))
    functions, strings = _renamed(profile, first, [names[key] for key in keys.tolist()], to)
    whole = replace(profile, functions=functions, strings=strings)
    if profile.shape == CALLS:
        return replace(whole, calls=_calls_between(profile, to, among))
    return _fewer_frames(whole, to, among)


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


def _fewer_frames(profile: Profile, to: Ints, among: Mask) -> Profile:
    """Stacks over groups. Of a group no line is known; the other functions keep theirs."""
    function = to[column(profile.locations.function)]
    grouped = among[column(profile.locations.function)]
    line = np.where(grouped, 0, column(profile.locations.line))
    key = function * (int(line.max(initial=0)) + 1) + line
    keys, rows = group_by_key(key)
    label = np.empty(len(key), dtype=np.int64)
    label[rows.rows] = np.repeat(np.arange(len(keys)), np.diff(rows.start))
    some = rows.rows[rows.start[:-1]]
    parent, location = column(profile.stacks.parent), column(profile.stacks.location)
    above = np.where(parent >= 0, function[location[parent]], -1)
    runs_on = grouped[location] & (above == function[location])
    trie = merged(parent, label[location], ~runs_on)
    stack = column(profile.samples.stack)
    return replace(
        profile,
        locations=Locations(stored(function[some]), stored(line[some])),
        stacks=Stacks(stored(trie.parent), stored(trie.label)),
        samples=replace(profile.samples, stack=stored(trie.of(stack))),
    )


def by_line(profile: Profile) -> Profile:
    """Each location a function of its own, named after function and line; where the line is not known, after the function."""
    functions, locations = profile.functions, profile.locations
    function, line = column(locations.function), column(locations.line)
    name, first = column(functions.name)[function], column(functions.line)[function]
    strings = list(profile.strings)
    names = name.copy()
    for location in np.flatnonzero(line != 0).tolist():
        names[location] = len(strings)
        strings.append(f"{profile.strings[name[location]]}:{line[location]}")
    own = np.arange(len(locations), dtype=np.int64)
    return replace(
        profile,
        strings=tuple(strings),
        functions=Functions(stored(names), stored(column(functions.file)[function]), stored(np.where(line != 0, line, first))),
        locations=Locations(stored(own), locations.line),
    )


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
