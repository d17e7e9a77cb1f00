"""Evil files: each is answered with a reason, and nobody else notices. How fast is a figure (``siege.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.followers import MOST
from tests.proof.evil import HIDDEN, SHOWN, Evil, bad_notes
from tests.proof.outside import Json, eventually, without_privileges
from tests.proof.siege import TRUTHS, Siege, answered, evils, siege

EVILS = evils()


@pytest.fixture(scope="module")
def under(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with siege(tmp_path_factory.mktemp("evil")) as under:
        yield under


@pytest.fixture(scope="module")
def rows(under: Siege) -> dict[str, Json]:
    return answered(under.viewer)


def test_there_are_enough_of_them() -> None:
    assert len({evil.name for evil in EVILS}) == len(EVILS) > 200


@pytest.mark.parametrize("evil", EVILS, ids=lambda evil: evil.title)
def test_an_evil_file_is_answered(under: Siege, rows: dict[str, Json], evil: Evil) -> None:
    if evil.name not in under.made:
        pytest.skip("it cannot be made here")
    if evil.name.startswith(b"closed") and without_privileges() is None:
        pytest.skip("root may read everything, and setpriv is not there to change that")
    row = rows.get(evil.name.decode("utf-8", "backslashreplace"))
    if evil.says == HIDDEN:
        assert row is None
        return
    assert row is not None
    status, answer = under.viewer.view(row["id"])
    if evil.says == SHOWN:
        assert (row["status"], row["reason"]) in (("finished", None), ("ended", None)), row["reason"]
        assert evil.samples in (None, row["samples"])
        assert status == 200, answer
        return
    reason = row["reason"]
    assert row["status"] == "broken", row
    assert re.search(evil.says, reason), reason
    assert reason.isprintable()
    assert len(reason) < 400
    assert not re.search("report this file|the reader (was killed|ended)", reason), f"a fault of the reader's: {reason}"
    assert (status, answer["error"]["message"]) == (422, f"This file cannot be shown: {reason}.")


@pytest.mark.parametrize(("name", "says"), [(name, says) for name, _, says in bad_notes()])
def test_evil_notes_take_nothing_but_themselves_away(under: Siege, rows: dict[str, Json], name: str, says: str) -> None:
    if name == "n-closed" and without_privileges() is None:
        pytest.skip("root may read everything, and setpriv is not there to change that")
    row = rows[f"{name}.pb.gz"]
    assert (row["status"], row["samples"], row["tags"]) == ("finished", 1, [])
    status, notes = under.viewer.ask(f"/api/profiles/{row['id']}/notes")
    assert status == 200
    assert re.search(says, notes.get("problem", "")), notes
    assert "root:" not in notes["notes"]


def test_what_moves_is_never_half_seen_and_comes_to_rest(under: Siege, rows: dict[str, Json]) -> None:
    under.calm()

    def rest() -> dict[str, Json] | None:
        seen = {row["file"]: row for row in under.viewer.rows() if row["file"].startswith("moving")}
        return seen if all(row["status"] in ("finished", "broken") for row in seen.values()) else None

    def at_rest() -> bool:
        seen = rest() or {}
        truths = [seen.get(f"moving-{name}.pb.gz", {}).get("samples") for name in ("replaced", "rewritten")]
        return truths == [TRUTHS[1]] * 2 and "moving-coming-and-going.pb.gz" not in seen and "moving-growing.folded" in seen

    eventually(at_rest, "the last content of what moved being shown")
    assert under.besides.wrong == []


def test_nobody_else_has_noticed(under: Siege, rows: dict[str, Json]) -> None:
    assert set(under.besides.status) == {200}
    assert len(under.besides.latency) > 20
    assert under.viewer.process.is_running()
    assert len(under.viewer.workers()) <= Bounds().workers + MOST
    assert len(under.viewer.complaints.read_text().splitlines()) == 1, under.viewer.complaints.read_text()
