"""Everything about one profile that outlives a request: computed when first asked for, then kept beside the profile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis import choose, flame, packages, table
from plopi.viewer.analysis.call_graph import Numbers, Selection, Structure, numbers_of
from plopi.viewer.analysis.columns import Ids, Ints, Mask, column
from plopi.viewer.analysis.prepared import Arrays, order_from, packages_from, structure_from, structure_of, texts_from
from plopi.viewer.analysis.rank import Choice
from plopi.viewer.analysis.search import Texts

KEPT_SELECTIONS = 4
KEPT_PICTURES = 4


class Weighed:
    """The numbers of one selection, and what follows from them and what they are of.

    It does not hold the index that holds it: of a recording that grows there is a new one at each look, and the old ones must go
    at once, not when cycles are looked for.
    """

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self._forest: flame.Forest | None = None
        self._groups: tuple[list[packages.Group], Ids] | None = None
        self._lock = threading.RLock()
        self._pictures: OrderedDict[Choice, choose.Picture] = OrderedDict()

    def picture(self, choice: Choice) -> choose.Picture:
        with self._lock:
            if choice not in self._pictures:
                self._pictures[choice] = choose.choose(self.numbers, choice)
                while len(self._pictures) > KEPT_PICTURES:
                    self._pictures.popitem(last=False)
            self._pictures.move_to_end(choice)
            return self._pictures[choice]

    def forest(self, about: Index) -> flame.Forest:
        """``about``: the index that this is of, here and below."""
        if self._forest is None:
            self._forest = self._plant(about)
        return self._forest

    def _plant(self, about: Index) -> flame.Forest:
        return flame.Forest(self.numbers, about.name_rank)

    def groups(self, about: Index) -> tuple[list[packages.Group], Ids]:
        """The groups by colour, and each file row's place among them."""
        if self._groups is None:
            self._groups = about.packages.groups(self.numbers.self)
        return self._groups

    @cached_property
    def by_self(self) -> Ids:
        return table.order_by_weight(self.numbers.self)

    @cached_property
    def by_cum(self) -> Ids:
        return table.order_by_weight(self.numbers.cum)


class Index:
    """A profile with its call graph, and the numbers of the selections asked for last. May be shared between threads.

    ``prepared`` is what ``analysis.prepare`` made of the same profile, elsewhere: without it that is done here. What a lens
    leaves of a profile has ``totals``: weights before focus, ignore and hide, by sample type and thread (the last column:
    samples without a thread); and ``bounds``: functions whose cum, and whose edges' weights, are only the most that they can be.
    """

    totals: Ints | None = None
    bounds: Mask | None = None
    going: object = None
    """Whatever it takes to make the next of its line."""

    def __init__(self, profile: Profile, prepared: Arrays | None = None) -> None:
        self.profile = profile
        self.line = object()
        """Shared by the indexes of one recording while it grows: the tables of the longer begin with those of the shorter."""
        self._prepared = prepared
        self._lock = threading.RLock()
        self._weighed: OrderedDict[Selection, Weighed] = OrderedDict()

    @cached_property
    def structure(self) -> Structure:
        return structure_of(self.profile) if self._prepared is None else structure_from(self.profile, self._prepared)

    @cached_property
    def packages(self) -> packages.Packages:
        return packages.packages(self.profile) if self._prepared is None else packages_from(self.profile, self._prepared)

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.profile.strings) if self._prepared is None else texts_from(self.profile, self._prepared)

    @cached_property
    def by_name(self) -> Ids:
        if self._prepared is None:
            return table.order_by_name(self.profile, self.texts)
        return order_from(self.profile, self._prepared)

    @cached_property
    def name_rank(self) -> Ids:
        """By function: its place in the order of names."""
        rank = np.zeros_like(self.by_name)
        rank[self.by_name] = np.arange(len(rank), dtype=rank.dtype)
        return rank

    @cached_property
    def by_calls(self) -> Ids | None:
        """Functions by number of calls, most first; None where the profile does not count them."""
        return None if self.profile.calls is None else table.order_by_weight(column(self.profile.calls.calls))

    def check(self) -> None:
        """Look at all that was prepared, which costs milliseconds. FormatError where it cannot belong to the profile."""
        if self._prepared is not None:
            _ = self.structure, self.packages, self.by_name

    def numbers(self, selection: Selection) -> Numbers:
        return numbers_of(self.profile, self.structure, selection)

    def weighed(self, selection: Selection) -> Weighed:
        with self._lock:
            if selection not in self._weighed:
                self._weighed[selection] = Weighed(self.numbers(selection))
                while len(self._weighed) > KEPT_SELECTIONS:
                    self._weighed.popitem(last=False)
            self._weighed.move_to_end(selection)
            return self._weighed[selection]


def index(profile: Profile, prepared: Arrays | None = None) -> Index:
    """An index to keep beside the profile; nothing is computed yet."""
    return Index(profile, prepared)
