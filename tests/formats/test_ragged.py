"""Ragged rows and the trie made from them, against the plain way."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plopi.formats import ragged
from plopi.formats.limits import Limits
from plopi.formats.ragged import Ints
from plopi.model import NONE

ROWS = st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=8)


def flat(rows: list[list[int]]) -> tuple[Ints, Ints]:
    return np.array([each for row in rows for each in row], np.int64), np.array([len(row) for row in rows], np.int64)


@given(ROWS)
def test_every_row_is_a_path_of_the_trie_and_nothing_else(rows: list[list[int]]) -> None:
    trie = ragged.trie(*flat(rows), Limits())
    assert all(parent < row for row, parent in enumerate(trie.parent.tolist()))
    for row, node in zip(rows, trie.stack.tolist()):
        path = []
        while node != NONE:
            path.append(int(trie.location[node]))
            node = int(trie.parent[node])
        assert path[::-1] == row
    assert len(trie.parent) == len({tuple(row[: size + 1]) for row in rows for size in range(len(row))})


@given(ROWS)
def test_rows_turned_around(rows: list[list[int]]) -> None:
    turned = ragged.reversed_rows(*flat(rows))
    assert turned.tolist() == [each for row in rows for each in row[::-1]]


@given(ROWS, st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=6, max_size=6))
def test_elements_replaced_by_rows(rows: list[list[int]], parts: list[list[int]]) -> None:
    elements, lengths = ragged.replaced(*flat(rows), *flat(parts))
    expected = [[number for each in row for number in parts[each]] for row in rows]
    assert (elements.tolist(), lengths.tolist()) == tuple(each.tolist() for each in flat(expected))


@given(ROWS, st.integers(1, 9))
def test_blocks_hold_every_row_whole_and_no_more_elements_than_wanted(rows: list[list[int]], most: int) -> None:
    elements, lengths = flat(rows)
    found = [(rows[of_rows], elements[within].tolist()) for of_rows, within in ragged.blocks(lengths, most)]
    assert [row for block, _ in found for row in block] == rows
    assert all([each for row in block for each in row] == within for block, within in found)
    assert all(len(within) <= most or len(block) == 1 for block, within in found)
