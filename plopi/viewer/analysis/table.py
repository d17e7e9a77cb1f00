"""Pages of functions: filtered by a substring of name or file, sorted, and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plopi.model import Profile
from plopi.viewer.analysis.columns import Ids, Ints, Mask, column

FREQUENCY_SAMPLE = 100_000


@dataclass(frozen=True)
class Texts:
    """The string table as one lower-case blob, each string followed by a zero byte, to be searched without a loop over strings.

    A search is a handful of passes over the blob whatever the query, so no query can take longer than that.
    """

    blob: NDArray[np.uint8]
    end: Ints
    """Where each string's zero byte stands."""
    frequency: Ints
    """How often each byte occurs, in a sample."""

    def containing(self, query: str) -> Mask:
        """Which strings contain ``query``, in any case."""
        found = np.zeros(len(self.end), dtype=np.bool_)
        wanted = _lowered(query)
        if not wanted:
            return ~found
        rarest = min(range(len(wanted)), key=lambda i: int(self.frequency[wanted[i]]))
        start = np.flatnonzero(self.blob == wanted[rarest]) - rarest
        start = start[(start >= 0) & (start + len(wanted) <= len(self.blob))]
        for offset, byte in enumerate(wanted):
            start = start[self.blob[start + offset] == byte]
        found[np.searchsorted(self.end, start)] = True
        return found


def texts(strings: Sequence[str]) -> Texts:
    whole = "\0".join(strings)
    if whole.count("\0") != max(len(strings) - 1, 0):
        whole = "\0".join(text.replace("\0", " ") for text in strings)
    encoded = (whole + "\0").lower().encode("utf-8", "surrogatepass") if strings else b""
    blob = np.frombuffer(encoded, dtype=np.uint8)
    sample = blob[:: len(blob) // FREQUENCY_SAMPLE + 1]
    return Texts(blob, np.flatnonzero(blob == 0), np.bincount(sample, minlength=256))


def _lowered(text: str) -> bytes:
    return text.lower().encode("utf-8", "surrogatepass").replace(b"\0", b" ")


@dataclass(frozen=True)
class Page:
    """``shown`` is how many functions are wanted, ``rows`` those of this page."""

    rows: list[int]
    shown: int
    page: int
    pages: int


def page_of(order: Ints, wanted: Mask, page: int, per: int, backwards: bool = False) -> Page:
    """One page of the ``wanted`` functions in ``order`` (of all functions) or backwards; past the end it is the last page."""
    there = order[wanted[order]]
    pages = max(-(-len(there) // per), 1)
    page = min(page, pages)
    if backwards:
        there = there[::-1]
    return Page(there[(page - 1) * per : page * per].tolist(), len(there), page, pages)


def matching(profile: Profile, strings: Texts, query: str) -> Mask:
    """Functions whose name or file contains the query."""
    found = strings.containing(query)
    either: Mask = found[column(profile.functions.name)] | found[column(profile.functions.file)]
    return either


def order_by_weight(weights: Ints) -> Ints:
    """Functions by weight, most first, equals by id."""
    return np.argsort(-weights, kind="stable")


def order_by_name(profile: Profile) -> Ints:
    """Functions by name, any case; equals by file, line and id."""
    keys = [(text.casefold(), text) for text in profile.strings]
    by_text = sorted(range(len(keys)), key=keys.__getitem__)
    rank = np.empty(len(by_text), dtype=np.int64)
    rank[by_text] = np.arange(len(by_text))
    return np.lexsort(
        (column(profile.functions.line), rank[column(profile.functions.file)], rank[column(profile.functions.name)])
    )


def per_call(cum: int, primitive: int) -> int | None:
    """Mean length of a call that is not itself within a call of the function, as pstats has it; None without such calls."""
    return int(cum) // int(primitive) if primitive > 0 else None


def order_by_length_of_calls(cum: Ids, primitive: Ids) -> Ids:
    """Functions by ``per_call``, most first; those without calls last, equals by id."""
    return order_by_weight(np.where(primitive > 0, cum // np.maximum(primitive, 1), -1))
