"""Several profiles as one, filters and diffs, as a client asks for them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from drawing import calls_from, profile_from
from serving import Client, pprof, put, viewer

from plopi import formats
from plopi.model import CPU, About
from plopi.viewer import subjects
from plopi.viewer.analysis import Index
from plopi.viewer.analysis.derived import merged
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.readers.results import Parsed, Summary
from plopi.viewer.subjects import Subject, Subjects
from plopi.viewer.watch import Key


def pstats() -> bytes:
    out = io.BytesIO()
    formats.write(calls_from("main 1/1 10 30\n  parse 1/1 20 20\nparse 1/1 20 20"), "pstats", out)
    return out.getvalue()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("profiles")
    put(folder / "one.pb.gz", pprof("main;work", "main;work", "main;rest", about=About(pid=1)))
    put(folder / "two.pb.gz", pprof("main;work", "main;idle", about=About(pid=2)))
    put(folder / "dump.pstats", pstats())
    put(folder / "broken.pb.gz", b"\x1f\x8b nothing")
    with viewer(folder) as running:
        yield running.client


def ids(client: Client, *names: str) -> str:
    return "+".join(client.settled(name)["id"] for name in names)


def cums(answer: dict[str, object]) -> dict[str, int]:
    return {row["label"]: row["cum"] // 10_000_000 for row in answer["rows"]}  # type: ignore[attr-defined,index]


@pytest.mark.parametrize("plus", ["+", "%2B"])
def test_several_profiles_are_one(client: Client, plus: str) -> None:
    answer = client.view(ids(client, "one.pb.gz", "two.pb.gz").replace("+", plus), "table")
    assert answer.status == 200, answer.body
    assert cums(answer.json) == {"main": 5, "work": 3, "rest": 1, "idle": 1}
    assert answer.json["revision"].count("+") == 1


def test_the_answer_does_not_depend_on_the_order_of_the_ids(client: Client) -> None:
    forth, back = ids(client, "one.pb.gz", "two.pb.gz"), ids(client, "two.pb.gz", "one.pb.gz")
    assert client.view(forth, "table").body == client.view(back, "table").body


def test_a_thread_of_a_merge_is_a_process(client: Client) -> None:
    answer = client.view(ids(client, "one.pb.gz", "two.pb.gz"), "table?thread=1")
    assert sum(cums(answer.json)[name] for name in ("main",)) in (2, 3)


def test_the_detail_of_a_merge_names_its_members(client: Client) -> None:
    answer = client.ask(f"api/profiles/{ids(client, 'one.pb.gz', 'two.pb.gz')}").json
    assert [(each["name"], each["pid"], each["samples"], each["totals"]["cpu"]) for each in answer["members"]] in (
        [("one", 1, 3, 30_000_000), ("two", 2, 2, 20_000_000)],
        [("two", 2, 2, 20_000_000), ("one", 1, 3, 30_000_000)],
    )
    assert {thread["name"] for thread in answer["threads"]} == {"(1)", "(2)"}


def test_filters_may_be_repeated(client: Client) -> None:
    one = ids(client, "one.pb.gz")
    assert cums(client.view(one, "table?focus=main&focus=work").json) == {"main": 2, "work": 2}
    assert cums(client.view(one, "table?ignore=work").json) == {"main": 1, "rest": 1}
    assert cums(client.view(one, "table?hide=work").json) == {"main": 3, "rest": 1}


def test_a_diff(client: Client) -> None:
    one, two = ids(client, "one.pb.gz"), ids(client, "two.pb.gz")
    answer = client.view(one, f"table?base={two}&scale=absolute&sort=delta").json
    assert next((row["label"], row["self"] - row["base_self"]) for row in answer["rows"]) in (
        ("work", 10_000_000),
        ("rest", 10_000_000),
    )
    assert (answer["base"]["id"], answer["base"]["name"]) == (two, "two")
    for view in ("graph", "flame", "function/0"):
        assert client.view(one, f"{view}?base={two}").json["base"]["scale"] == 1.5
    merged = client.view(one, f"table?base={one}%2B{two}")
    assert merged.json["base"]["name"].endswith("and 1 more")


def test_the_etag_is_that_of_all_that_is_looked_at(client: Client) -> None:
    one, two = ids(client, "one.pb.gz"), ids(client, "two.pb.gz")
    tags = [client.view(path, view).headers["Etag"] for path, view in
            ((one, "graph"), (f"{one}+{two}", "graph"), (one, f"graph?base={two}"), (two, f"graph?base={one}"))]  # fmt: skip
    assert len(set(tags)) == 4
    assert client.view(one, f"graph?base={two}", If_None_Match=tags[2]).status == 304


@pytest.mark.parametrize(
    ("subject", "view", "status", "words"),
    [
        ("one dump", "table", 409, "totals of calls"),
        ("one broken", "table", 422, "broken"),
        ("one", "table?base=dump", 409, "totals of calls"),
        ("one", "table?base=broken", 422, "broken"),
        ("dump", "table?focus=main", 409, "no samples"),
        ("dump", "table?by=line", 409, "by=line"),
        ("dump", "graph?thread=0", 409, "no threads"),
        ("one", "graph?time=0-1", 409, "time chooses"),
        ("one", "graph?time=3-1", 400, "FROM-TO"),
        ("one", "graph?by=planet", 400, "planet"),
        ("one", "graph?base=xyz", 400, "xyz"),
        ("one one", "graph", 400, "twice"),
        ("one", "graph?around=9999", 404, "no function 9999"),
        ("one", "table?sort=delta", 400, "base="),
        ("one", "graph?base=0000000000000000", 404, "0000000000000000"),
    ],
)
def test_what_cannot_be_shown_is_said_with_the_remedy(client: Client, subject: str, view: str, status: int, words: str) -> None:
    files = {"one": "one.pb.gz", "dump": "dump.pstats", "broken": "broken.pb.gz"}
    for name in ("dump", "broken"):
        view = view.replace(f"base={name}", f"base={ids(client, files[name])}")
    answer = client.view(ids(client, *(files[name] for name in subject.split())), view)
    assert (answer.status, words in answer.message) == (status, True), answer.message


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_dear_to_work_out_stands_for_as_long_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """All questions of one refresh are answered of one moment, and the next one is of the newest."""
    clock = _Clock()
    found = Subjects(clock=clock)

    def moment(size: int) -> Subject:
        profile, said = profile_from("main 1\n  work 2", (CPU,)), Summary("folded", "stacks", (), 2, 2, (), About())
        parsed = [Parsed(Key(1, inode, size, 0), said, profile, 100) for inode in (1, 2)]
        return Subject(("0" * 16, "1" * 16), ("one", "two"), tuple(parsed))

    def slowly(*given: Any) -> Index:
        clock.now += 0.4
        return merged(*given)

    monkeypatch.setattr(subjects, "merged", slowly)
    before, after, last = moment(1), moment(2), moment(3)
    assert found.steady(before.ids) is None
    kept = found.index(before)
    clock.now += 0.3
    assert found.steady(before.ids) == (before,) and found.index(before) is kept
    assert found.steady(before.ids, Lens(hide=("work",))) is None
    clock.now += 0.2
    assert found.steady(before.ids) is None
    assert found.index(last) is not kept
    monkeypatch.setattr(subjects, "LONGEST_REST", 0.0)
    found.index(after)
    assert found.steady(before.ids) is None


def test_who_waits_for_a_merge_keeps_nobody_else_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views are made by two threads: a merge that takes long holds one of them, however many ask for it."""
    for name in ("one", "two"):
        put(tmp_path / f"{name}.pb.gz", pprof(f"main;{name}"))
    begun, ended = threading.Event(), threading.Event()

    def slowly(*given: Any) -> Index:
        begun.set()
        assert ended.wait(20)
        return merged(*given)

    monkeypatch.setattr(subjects, "merged", slowly)
    with viewer(tmp_path) as running, ThreadPoolExecutor(3) as pages:
        one, two = ids(running.client, "one.pb.gz"), ids(running.client, "two.pb.gz")
        asked = [pages.submit(running.client.view, f"{one}+{two}", view) for view in ("table", "graph", "table?focus=main")]
        try:
            assert begun.wait(20)
            for _ in range(5):  # meanwhile the other two have come
                assert running.client.view(one, "table").status == 200
            assert not any(each.done() for each in asked)
        finally:
            ended.set()
        assert [each.result().status for each in asked] == [200, 200, 200]
