"""Notes: what the file may say, and that it is never half there."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import eventually, pprof, put, viewer

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


# --- over HTTP ---

JSON = {"Content_Type": "application/json"}


def _body(**content: Any) -> bytes:
    return json.dumps({"v": 1, **content}).encode()


def test_tags_are_saved_listed_and_filtered_by(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    put(tmp_path / "b.pb.gz", pprof())
    with viewer(tmp_path) as running:
        client = running.client
        where = f"api/profiles/{client.settled('a.pb.gz')['id']}/notes"
        assert client.ask(where).json == {"v": 1, "tags": [], "notes": "", "views": [], "revision": ""}
        content = _body(tags=["slow"], notes="why?", views=[{"name": "top", "path": "graph?nodes=5"}])
        saved = client.ask(where, "PUT", content, If_Match='""', **JSON)
        assert saved.status == 200
        assert client.ask(where).json == saved.json
        assert client.settled("a.pb.gz")["tags"] == ["slow"]
        assert [row["file"] for row in client.index(tag="slow")["profiles"]] == ["a.pb.gz"]
        assert [row["file"] for row in client.index(q="slow")["profiles"]] == ["a.pb.gz"]
        assert client.ask(where, "PUT", _body(tags=["mine"]), If_Match='""', **JSON).status == 409
        assert client.index()["total"] == 2, "notes are no profiles"


def test_notes_that_somebody_edits_are_seen_and_gone_ones_too(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with viewer(tmp_path) as running:
        client = running.client
        client.settled("a.pb.gz")
        (tmp_path / "a.pb.gz.notes.json").write_bytes(notes.render(Notes(("by-hand",))))
        eventually(lambda: client.row("a.pb.gz")["tags"] == ["by-hand"], "the tag")
        (tmp_path / "a.pb.gz.notes.json").unlink()
        eventually(lambda: client.row("a.pb.gz")["tags"] == [], "no tag")


def test_broken_notes_are_said_and_spoil_nothing(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    (tmp_path / "a.pb.gz.notes.json").write_text("{")
    with viewer(tmp_path) as running:
        row = running.client.settled("a.pb.gz")
        answer = running.client.ask(f"api/profiles/{row['id']}/notes").json
        assert (row["tags"], answer["revision"]) == ([], "broken")
        assert "no JSON" in answer["problem"]


def test_only_a_page_of_the_viewer_can_change_notes_and_nothing_else_can_be_changed(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with viewer(tmp_path) as running:
        client = running.client
        profile = f"api/profiles/{client.settled('a.pb.gz')['id']}"
        ask = partial(client.ask, f"{profile}/notes", "PUT", _body(tags=["x"]))
        assert ask(If_Match='""').status == 415
        assert ask(If_Match='""', Content_Type="text/plain").status == 415
        assert ask(**JSON).status == 428
        assert ask(If_Match='""', Origin="http://evil.example", **JSON).status == 403
        assert ask(If_Match='""', Sec_Fetch_Site="cross-site", **JSON).status == 403
        assert ask(If_Match='""', Host="evil.example", **JSON).status == 421
        assert client.ask(f"{profile}/notes", "PUT", b"{", If_Match='""', **JSON).status == 400
        for path in (profile, f"{profile}/graph", "api/profiles", ""):
            assert client.ask(path, "PUT", b"{}", **JSON).status == 405
        assert [each.name for each in tmp_path.iterdir()] == ["a.pb.gz"]
