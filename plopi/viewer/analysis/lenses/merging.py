"""The tables of several profiles as one, while these grow: what was appended to one of them is appended to the whole.

Of each profile it is known where its rows went (a ``GrowingColumn`` for each table), so that only rows are looked at that came
since. Where profiles do not go on from what they were, another ``Merging`` begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plopi.model import Functions, Locations, Profile, SampleType, Threads, Windows
from plopi.viewer.analysis.columns import Ints
from plopi.viewer.analysis.growing_column import GrowingColumn
from plopi.viewer.analysis.lenses.tables import GrowingTable, samples_from, since
from plopi.viewer.analysis.lenses.tries import Branch, Trie
from plopi.viewer.analysis.numbering import Numbering


class Member:
    """Where the rows of one profile went, by table; ``called`` is its process."""

    def __init__(self, called: str = "") -> None:
        self.called = called
        self.strings, self.functions, self.locations = GrowingColumn(), GrowingColumn(), GrowingColumn()
        self.threads, self.windows = GrowingColumn(), GrowingColumn()
        self.stacks = Branch()
        self.samples = 0
        self.unnamed = -1
        """The thread of what the process did without saying in which."""

    def goes_on(self, profile: Profile) -> bool:
        """Whether a profile of the same line has all the rows that were looked at."""
        return all(
            len(seen) <= len(table)
            for seen, table in (
                (self.strings, profile.strings),
                (self.functions, profile.functions),
                (self.locations, profile.locations),
                (self.threads, profile.threads),
                (self.windows, profile.windows),
                (self.stacks, profile.stacks),
                (range(self.samples), profile.samples),
            )
        )


class NamedFunctions:
    """Functions by name, file and first line, in the order in which they are met."""

    def __init__(self) -> None:
        self.strings: tuple[str, ...] = ()
        self._ids: dict[str, int] = {}
        self._files, self._lines, self._rows = Numbering(), Numbering(), Numbering()
        self._table = GrowingTable(Functions, 3)

    @property
    def table(self) -> Functions:
        return self._table.table

    def string_ids(self, texts: Sequence[str]) -> Ints:
        ids = self._ids
        found = np.array([ids.setdefault(text, len(ids)) for text in texts], dtype=np.int64)
        if len(ids) > len(self.strings):
            self.strings = tuple(ids)
        return found

    def add(self, member: Member, profile: Profile) -> None:
        """Take in the functions that are new in a profile."""
        strings = member.strings.append(self.string_ids(profile.strings[len(member.strings) :]))
        there, table = len(member.functions), profile.functions
        name, file = (strings[since(each, there)] for each in (table.name, table.file))
        line = since(table.line, there)
        pair = self._files.of((name << 32) + file)[0]
        function, new = self._rows.of((pair << 32) + self._lines.of(line)[0])
        member.functions.append(function)
        self._table.append(name[new], file[new], line[new])


class Merging:
    """Profiles of stacks as one. ``shifts``: what each one's windows begin later than its own numbers say."""

    def __init__(
        self, called: Sequence[str], types: tuple[SampleType, ...], shifts: Sequence[int], known: Profile | None = None
    ) -> None:
        """``called``: the processes. Functions of ``known``, an earlier merge of the same, keep their ids."""
        self.types, self.shifts = types, shifts
        self.members = [Member(each) for each in called]
        self._functions, self._trie = NamedFunctions(), Trie()
        if known is not None:
            self._functions.add(Member(), known)
        self._lines, self._places = Numbering(), Numbering()
        self._locations, self._threads = GrowingTable(Locations, 2), GrowingTable(Threads, 2)
        self._windows, self._samples = GrowingTable(Windows, 2), GrowingTable(samples_from, 3 + len(types))
        self._origin = GrowingColumn()
        self.sound = True
        """Not what was left behind by a failure in the middle."""

    @property
    def origin(self) -> Ints:
        """By sample: which of the members it is of."""
        return self._origin.seen

    def grow(self, profiles: Sequence[Profile]) -> Profile:
        """All of them as they are now, in the order of the members."""
        self.sound = False
        for place, (member, profile) in enumerate(zip(self.members, profiles)):
            self._functions.add(member, profile)
            self._add_stacks(member, profile)
            self._add_threads(member, profile)
            self._add_windows(member, profile, self.shifts[place])
            self._add_samples(member, profile, place)
        self.sound = True
        return replace(
            profiles[0],
            sample_types=self.types,
            strings=self._functions.strings,
            functions=self._functions.table,
            locations=self._locations.table,
            stacks=self._trie.table,
            threads=self._threads.table,
            windows=self._windows.table,
            samples=self._samples.table,
        )

    def _add_stacks(self, member: Member, profile: Profile) -> None:
        there = len(member.locations)
        function = member.functions.seen[since(profile.locations.function, there)]
        line = since(profile.locations.line, there)
        place, new = self._places.of((function << 32) + self._lines.of(line)[0])
        self._locations.append(function[new], line[new])
        places = member.locations.append(place)
        parent, location = (since(each, len(member.stacks)) for each in (profile.stacks.parent, profile.stacks.location))
        member.stacks.grow(self._trie, parent, places[location], np.ones(len(parent), dtype=np.bool_))

    def _add_threads(self, member: Member, profile: Profile) -> None:
        """A row for every thread of every process, and one for what a process did without saying in which."""
        there = range(len(member.threads), len(profile.threads))
        texts = [f"{profile.thread_name(row)} ({member.called})" for row in there]
        idents = since(profile.threads.ident, there.start)
        count = len(self._threads)
        member.threads.append(np.arange(count, count + len(texts)))
        if member.unnamed < 0 and (since(profile.samples.thread, member.samples) < 0).any():
            member.unnamed = count + len(texts)
            texts.append(f"({member.called})")
            idents = np.append(idents, 0)
        self._threads.append(self._functions.string_ids(texts), idents)

    def _add_windows(self, member: Member, profile: Profile, shift: int) -> None:
        count = len(self._windows)
        start, length = (since(each, len(member.windows)) for each in (profile.windows.start, profile.windows.length))
        member.windows.append(np.arange(count, count + len(start)))
        self._windows.append(start + shift, length)

    def _add_samples(self, member: Member, profile: Profile, place: int) -> None:
        there, samples = member.samples, profile.samples
        member.samples = len(samples)
        stack, thread, window = (since(each, there) for each in (samples.stack, samples.thread, samples.window))
        self._samples.append(
            member.stacks.of(stack),
            _went(member.threads.seen, thread, member.unnamed),
            _went(member.windows.seen, window, -1),
            *(since(samples.weights[profile.sample_types.index(kind)], there) for kind in self.types),
        )
        self._origin.append(np.full(len(stack), place))


def _went(went: Ints, ids: Ints, nowhere: int) -> Ints:
    """Where rows went; what has none goes ``nowhere``."""
    return np.append(went, nowhere)[ids]
