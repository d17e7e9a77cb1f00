"""``plopi.profile``: blocks and decorated functions."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import plopi
from plopi.errors import AlreadyRunning, UsageError
from plopi.formats import pprof
from plopi.formats.limits import Limits


def recorded(datadir: Path) -> list[set[str]]:
    """The names of the functions in each finished recording."""
    found = []
    for path in sorted(datadir.glob("*.pb.gz")):
        profile = pprof.read(gzip.decompress(path.read_bytes()), Limits())
        found.append({profile.function_name(row).rpartition(".")[2] for row in range(len(profile.functions))})
    return found


def waits() -> int:
    time.sleep(0.15)
    return 7


def test_a_block_is_recorded(tmp_path: Path) -> None:
    with plopi.profile(mode="wall", datadir=tmp_path, name="block") as collector:
        waits()
        assert collector.running and "waits" in str(collector.stack_counts)
    assert not collector.running
    (names,) = recorded(tmp_path)
    assert "waits" in names and "test_a_block_is_recorded" in names
    assert not {"__enter__", "start", "stop"} & names
    assert next(tmp_path.iterdir()).name.startswith("block-")


def test_a_block_that_raises_is_recorded_and_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), plopi.profile(mode="wall", datadir=tmp_path):
        waits()
        raise ZeroDivisionError
    assert len(recorded(tmp_path)) == 1


def test_one_file_in_another_format(tmp_path: Path) -> None:
    with plopi.profile(mode="wall", format="folded", output=tmp_path / "out.folded", datadir=tmp_path / "unused"):
        waits()
    assert "waits" in (tmp_path / "out.folded").read_text() and not (tmp_path / "unused").exists()


def test_a_block_within_a_profile_says_so(tmp_path: Path) -> None:
    with plopi.profile(datadir=tmp_path), pytest.raises(AlreadyRunning), plopi.profile(datadir=tmp_path):
        pass
    with plopi.profile(datadir=tmp_path):
        pass


class TestDecorated:
    def test_each_call_is_recorded(self, tmp_path: Path) -> None:
        @plopi.profile(mode="wall", datadir=tmp_path)
        def called(answer: int) -> int:
            """Docs."""
            waits()
            return answer

        assert (called(1), called(2), called.__name__, called.__doc__) == (1, 2, "called", "Docs.")
        assert all({"called", "waits"} <= names for names in recorded(tmp_path)) and len(recorded(tmp_path)) == 2

    def test_without_parentheses(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        @plopi.profile
        def called() -> int:
            return waits()

        assert called() == 7
        assert len(recorded(tmp_path / "profiles")) == 1

    def test_recursion_and_threads_share_one_profile(self, tmp_path: Path) -> None:
        @plopi.profile(mode="wall", datadir=tmp_path)
        def nested(depth: int) -> None:
            waits()
            if depth:
                nested(depth - 1)

        threads = [threading.Thread(target=nested, args=(2,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(recorded(tmp_path)) == 1

    def test_coroutines_from_their_first_step_to_their_last(self, tmp_path: Path) -> None:
        @plopi.profile(mode="wall", datadir=tmp_path)
        async def called(answer: int) -> int:
            waits()
            await asyncio.sleep(0)
            return answer

        async def main() -> list[int]:
            return await asyncio.gather(called(1), called(2))

        assert asyncio.run(main()) == [1, 2]
        (names,) = recorded(tmp_path)
        assert "called" in names

    def test_generators_too(self, tmp_path: Path) -> None:
        @plopi.profile(mode="wall", datadir=tmp_path)
        def counts() -> Iterator[Any]:
            got = yield 1
            waits()
            yield got
            return

        running = counts()
        assert not recorded(tmp_path)
        assert next(running) == 1 and running.send("sent") == "sent"  # type: ignore[attr-defined]
        assert next(running, None) is None
        (names,) = recorded(tmp_path)
        assert {"counts", "waits"} <= names

    def test_asynchronous_generators_are_refused_with_a_way_out(self) -> None:
        with pytest.raises(UsageError, match=r"with plopi.profile\(\)"):

            @plopi.profile
            async def counts() -> AsyncIterator[int]:
                yield 1

    def test_runs_unprofiled_where_somebody_else_profiles(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        @plopi.profile(datadir=tmp_path / "never")
        def called() -> int:
            return 5

        with plopi.profile(datadir=tmp_path):
            assert called() == 5
        assert not (tmp_path / "never").exists() and "without a profile of its own" in caplog.text


@pytest.mark.parametrize("wrong", [{"mode": "fast"}, {"format": "svg"}, {"engine": "magic"}])
def test_options_that_make_no_sense(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="choose one of"):
        plopi.profile(**wrong)  # type: ignore[call-overload]
