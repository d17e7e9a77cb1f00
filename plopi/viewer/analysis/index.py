"""Everything about one profile that outlives a request: computed when first asked for, then kept beside the profile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cached_property
from typing import Literal

from plopi.model import Profile
from plopi.viewer.analysis import packages, table
from plopi.viewer.analysis.call_graph import Numbers, Selection, Structure, numbers_of, structure_of
from plopi.viewer.analysis.call_tree import Ints, column

KEPT_SELECTIONS = 4


class Index:
    """A profile with its call graph, and the numbers of the selections asked for last. May be shared between threads."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._lock = threading.RLock()
        self._numbers: OrderedDict[Selection, Numbers] = OrderedDict()

    @cached_property
    def structure(self) -> Structure:
        return structure_of(self.profile)

    @cached_property
    def packages(self) -> packages.Packages:
        return packages.packages(self.profile)

    @cached_property
    def texts(self) -> table.Texts:
        return table.texts(self.profile.strings)

    @cached_property
    def by_name(self) -> Ints:
        return table.order_by_name(self.profile, descending=False)

    @cached_property
    def by_name_descending(self) -> Ints:
        return table.order_by_name(self.profile, descending=True)

    @cached_property
    def calls(self) -> Ints | None:
        """Number of calls by function, where the profile counts them."""
        return None if self.profile.calls is None else column(self.profile.calls.calls)

    def numbers(self, selection: Selection) -> Numbers:
        with self._lock:
            if selection not in self._numbers:
                self._numbers[selection] = numbers_of(self.profile, self.structure, selection)
                while len(self._numbers) > KEPT_SELECTIONS:
                    self._numbers.popitem(last=False)
            self._numbers.move_to_end(selection)
            return self._numbers[selection]

    def order(self, numbers: Numbers, sort: Literal["self", "cum", "name", "calls"], descending: bool) -> Ints:
        """All functions, sorted."""
        if sort == "name":
            return self.by_name_descending if descending else self.by_name
        weights = {"self": numbers.self, "cum": numbers.cum, "calls": self.calls}[sort]
        return table.order_by_weight(numbers.self if weights is None else weights, descending)


def index(profile: Profile) -> Index:
    """An index to keep beside the profile; nothing is computed yet."""
    return Index(profile)
