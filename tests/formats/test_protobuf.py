"""The wire encoder against the protobuf package's own."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plopi.formats import ragged
from plopi.formats.pprof_schema import schema
from plopi.formats.protobuf import bytes_field, int_field, text, varint


@given(st.integers(-(2**63), 2**63 - 1))
@example(0)
@example(2**35 - 1)
@example(2**35)
@example(-1)
def test_varints(number: int) -> None:
    assert int_field(3, number) == schema().Label(num=number).SerializeToString()


@pytest.mark.parametrize("bits", range(64))
def test_the_edges_of_every_size(bits: int) -> None:
    for number in (2**bits - 1, 2**bits):
        values, counts = ragged.varints([varint(number)])
        assert (values.view("u8").tolist(), counts.tolist()) == ([number], [1])


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)))
def test_packed_rows_decode(rows: list[list[int]]) -> None:
    values, counts = ragged.varints([b"".join(map(varint, row)) for row in rows])
    assert values.tolist() == [number for row in rows for number in row]
    assert counts.tolist() == [len(row) for row in rows]


@given(st.text(st.characters(codec="utf-8")))
def test_text_and_bytes(string: str) -> None:
    message = schema().Profile(string_table=[string.encode()])
    assert bytes_field(6, text(string)) == message.SerializeToString()


def test_a_lone_surrogate_is_escaped() -> None:
    assert text("a\udc80") == b"a\\udc80"
