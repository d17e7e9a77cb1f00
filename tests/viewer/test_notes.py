"""Notes: what the file may say, and that it is never half there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plopi.errors import FormatError, PlopiError, UsageError
from plopi.viewer import notes
from plopi.viewer.notes import Conflict, Kept, NamedView, Notes

SOME = Notes(("slow", "v2"), "Look at parse().\n", (NamedView("the parser", "graph?focus=parse&nodes=20"),))


def test_what_is_written_is_read_again_and_readable_by_people(tmp_path: Path) -> None:
    path = tmp_path / f"run.pb.gz{notes.SUFFIX}"
    kept = notes.write(path, SOME, "")
    assert notes.read(path) == kept
    assert path.read_text("utf-8").splitlines()[:4] == ["{", '  "v": 1,', '  "tags": [', '    "slow",']
    assert list(tmp_path.iterdir()) == [path], "nothing else is left behind"


def test_no_file_is_no_notes(tmp_path: Path) -> None:
    assert notes.read(tmp_path / "none.notes.json") == Kept(Notes(), "")


def test_notes_that_say_nothing_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.notes.json"
    kept = notes.write(path, SOME, "")
    assert notes.write(path, Notes(), kept.revision) == Kept(Notes(), "")
    assert not path.exists()


def test_two_people_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "x.notes.json"
    first = notes.write(path, SOME, "")
    theirs = notes.write(path, Notes(("theirs",)), first.revision)
    with pytest.raises(Conflict, match="Somebody else"):
        notes.write(path, Notes(("mine",)), first.revision)
    assert notes.read(path) == theirs


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"v": 2}', b'{"tags": 1}', b'{"tags": [1]}', b'{"tags": [""]}', b'{"tags": ["a,b"]}', b'{"notes": null}',
     b'{"views": [{}]}', b'{"views": [{"name": "x", "path": "//evil.example"}]}',
     b'{"views": [{"name": "x", "path": "javascript:1"}]}',
     b'{"views": [{"name": "x", "path": "../../login"}]}', b'{"tags": ' + b"[" * 9000, b'{"v": NaN}', b"\xff\xfe", b"x" * 70_000],
)  # fmt: skip
def test_a_file_that_is_no_notes_is_refused_with_the_reason_and_can_be_replaced(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.notes.json"
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"notes|tag|view"):
        notes.read(path)
    assert notes.write(path, SOME, "broken").notes == SOME


def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.notes.json")
    (tmp_path / "link.notes.json").symlink_to("/etc/passwd")
    for name in ("pipe.notes.json", "link.notes.json"):
        with pytest.raises(FormatError):
            notes.read(tmp_path / name)


def test_a_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlopiError, match="data directory"):
        notes.write(tmp_path / "gone" / "x.notes.json", SOME, "")


def test_tags_are_cleaned() -> None:
    assert notes.from_json({"tags": [" a  b ", "a-b", "c"]}).tags == ("a-b", "c")


texts = st.text(max_size=12)
atoms: Any = st.none() | st.booleans() | st.floats() | st.integers() | texts
json_like: Any = atoms | st.lists(atoms | st.dictionaries(st.sampled_from(("name", "path", "x")), atoms, max_size=3), max_size=4)


@given(st.fixed_dictionaries({}, optional={"v": json_like, "tags": json_like, "notes": json_like, "views": json_like}))
def test_anything_sent_is_taken_or_refused(content: Any) -> None:
    try:
        taken = notes.from_json(content)
    except UsageError:
        return
    assert notes.parse(notes.render(taken)) == taken
