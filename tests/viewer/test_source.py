"""The source view: below the allowed roots alone, whatever a profile says."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from serving import put, viewer

from plopi import formats
from plopi.model import CPU, SAMPLES, About, ProfileBuilder
from plopi.viewer import source

CODE = """\
import os


@decorated
def parse(
    text,  # a comment with ( in it
):
    for line in text:

        # not the end
        use(line)
    return (
        1
    )


def other():
    pass
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(CODE)
    (tmp_path / "secret.py").write_text("password = 1\n")
    return tmp_path / "src"


def read(root: Path, file: str, first: int = 4, upto: int = 0, started: int | None = None) -> source.Source | None:
    return source.read([root], file, "parse", first, upto, started)


def test_a_function_is_shown_to_the_end_of_its_block(root: Path) -> None:
    found = read(root, str(root / "app.py"))
    assert found is not None
    assert (found.lines[0], found.lines[-1].strip()) == ("@decorated", ")")
    assert read(root, "app.py") is not None, "a relative name is looked for in each root"


def test_lines_with_samples_are_always_shown(root: Path) -> None:
    found = read(root, "app.py", upto=18)
    assert found is not None
    assert found.lines[-1] == "    pass"


def test_whether_it_is_what_was_profiled(root: Path) -> None:
    changed = (root / "app.py").stat().st_mtime_ns
    told = [
        read(root, "app.py", first, 0, started)
        for first, started in ((4, changed + 1), (4, changed - 1), (4, None), (1, changed + 1))
    ]
    assert [each.matches for each in told if each] == ["yes", "unknown", "unknown", "no"]


def test_nothing_outside_the_roots_is_shown(root: Path) -> None:
    (root / "link.py").symlink_to(root.parent / "secret.py")
    (root / "dir").symlink_to(root.parent)
    (root / "data.txt").write_text(CODE)
    (root / "nul.py").write_bytes(b"def parse():\n    \0\n")
    (root / "big.py").write_bytes(b"#" * (source.MOST_BYTES + 1))
    os.mkfifo(root / "pipe.py")
    (root / "folder.py").mkdir()
    (root / "txt.py").symlink_to(root / "data.txt")
    for name in (
        "../secret.py", str(root.parent / "secret.py"), "link.py", "dir/secret.py", "/etc/passwd", "data.txt", "nul.py", "big.py",
        "pipe.py", "folder.py", "app.py\0", "", "~", "missing.py", str(root), "x" * 5000 + ".py", "txt.py", f"{root}2/app.py",
    ):  # fmt: skip
        assert read(root, name, first=1) is None, name
    assert source.read([], str(root / "app.py"), "parse", 4, 0, None) is None
    assert read(root, "app.py", first=1000) is None


def test_over_http_only_when_asked_for_and_with_one_answer_for_every_refusal(root: Path, tmp_path: Path) -> None:
    builder = ProfileBuilder((SAMPLES, CPU), About(started_ns=time.time_ns()))
    files = {"parse": str(root / "app.py"), "password": str(tmp_path / "secret.py"), "gone": "/no/such.py"}
    for name, file in files.items():
        first, line = (4, 8) if name == "parse" else (1, 1)
        where = builder.location_id(builder.function_id(name, file, first), line)
        builder.add_sample(builder.stack_of([where]), (1, 10))
    out = io.BytesIO()
    formats.write(builder.build(), "pprof", out)
    (tmp_path / "data").mkdir()
    put(tmp_path / "data/a.pb.gz", out.getvalue())
    with viewer(tmp_path / "data", source_roots=(root,)) as running:
        profile = running.client.settled("a.pb.gz")["id"]
        shown, *refused = (running.client.view(profile, f"source/{f}") for f in (0, 1, 2, 99))
        assert {line["n"]: line["self"] for line in shown.json["lines"] if line["self"]} == {8: 10}
        assert shown.json["matches"] == "yes"
        assert {(answer.status, answer.json["lines"]) for answer in refused} == {(200, None)}
        assert "--source-root" in refused[0].json["why"]
        assert len({answer.body for answer in refused}) == 1
    with viewer(tmp_path / "data") as running:
        assert running.client.view(profile, "source/0").json["lines"] is None
