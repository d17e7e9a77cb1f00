"""Pages of functions: filtered, sorted, and cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plopi.model import Profile
from plopi.viewer.analysis.columns import Ids, Ints, Mask, compact, stable_order
from plopi.viewer.analysis.search import Lines, Texts


@dataclass(frozen=True)
class Page:
    """``shown`` is how many functions are wanted, ``rows`` those of this page."""

    rows: list[int]
    shown: int
    page: int
    pages: int


def page_of(order: Ids, wanted: Mask, page: int, per: int, backwards: bool = False) -> Page:
    """One page of the ``wanted`` functions in ``order`` (of all functions) or backwards; past the end it is the last page."""
    there = order[wanted[order]]
    pages = max(-(-len(there) // per), 1)
    page = min(page, pages)
    if backwards:
        there = there[::-1]
    return Page(there[(page - 1) * per : page * per].tolist(), len(there), page, pages)


def order_by_weight(weights: Ints) -> Ids:
    """Functions by weight, most first, equals by id."""
    return compact(stable_order(weights.max(initial=0) - weights))


def order_by_name(profile: Profile, texts: Texts) -> Ids:
    """Functions by name, any case; equals by file, line and id."""
    rank = ranks(texts.lowered)
    names, files = rank[np.asarray(profile.functions.name)], rank[np.asarray(profile.functions.file)]
    return compact(np.lexsort((np.asarray(profile.functions.line), files, names)))


def ranks(lines: Lines) -> Ints:
    """Each string's place among all in order of bytes; equal ones share it.

    Eight bytes of all strings are compared at once, and then the next eight of those that were equal so far.
    """
    length = lines.end - lines.start
    rank = np.zeros(len(length), dtype=np.int64)
    rows = np.arange(len(length))
    done = 0
    while len(rows):
        key = _eight_bytes(lines, lines.start[rows] + done, length[rows] - done)
        order = np.lexsort((key, rank[rows]))
        rows, key = rows[order], key[order]
        same = (rank[rows][1:] == rank[rows][:-1]) & (key[1:] == key[:-1])
        place = np.arange(len(rows))
        first = np.maximum.accumulate(np.where(np.append(True, ~same), place, 0))
        old = np.append(True, rank[rows][1:] != rank[rows][:-1])
        rank[rows] += first - np.maximum.accumulate(np.where(old, place, 0))
        tied = np.append(False, same) | np.append(same, False)
        done += 8
        rows = rows[tied]
        if not np.any(length[rows] > done):
            break
    return rank


def _eight_bytes(lines: Lines, at: Ints, left: Ints) -> NDArray[np.uint64]:
    """The next eight bytes of each string as one number, zeros past its end."""
    key = np.zeros(len(at), dtype=np.uint64)
    last = max(len(lines.blob) - 1, 0)
    for offset in range(8):
        byte = np.where(offset < left, lines.array[np.minimum(at + offset, last)], 0)
        key = (key << np.uint64(8)) | byte.astype(np.uint64)
    return key


def per_call(cum: int, primitive: int) -> int | None:
    """Mean length of a call that is not itself within a call of the function, as pstats has it; None without such calls."""
    return int(cum) // int(primitive) if primitive > 0 else None


def order_by_length_of_calls(cum: Ids, primitive: Ids) -> Ids:
    """Functions by ``per_call``, most first; those without calls last, equals by id."""
    return order_by_weight(np.where(primitive > 0, cum // np.maximum(primitive, 1), -1))
