"""``python -m plopi.collector PROGRAM``: the program must not be able to tell, and its profile must be there."""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plopi import formats
from plopi.collector.control import cli
from plopi.formats import FORMATS, pprof
from plopi.formats.limits import Limits
from plopi.model import Profile
from tests.collector.conftest import interpreters
from tests.collector.endings import LOOKS_AROUND, SOURCES

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.startswith(("PLOPI_", "PYTHON"))}, "PYTHONPATH": str(ROOT)}
FULL = bool(os.environ.get("PLOPI_TEST_FULL"))
BUSY = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(30_000))
"""


@dataclass(frozen=True)
class Outcome:
    """What a process showed: plopi's own lines on stderr are kept apart."""

    code: int
    out: str
    err: str
    said: tuple[str, ...]


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "some input") -> Outcome:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**ENVIRONMENT, **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=240,
    )
    lines = done.stderr.splitlines(keepends=True)
    said = tuple(line.rstrip("\n") for line in lines if line.startswith("plopi: "))
    err = "".join(line for line in lines if not line.startswith("plopi: "))
    return Outcome(done.returncode, done.stdout, re.sub(r"0x[0-9a-f]{6,}|pid=\d+", "...", err), said)


def profiled(
    python: str,
    arguments: Sequence[str],
    cwd: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    stdin: str = "some input",
) -> Outcome:
    return run([python, "-m", "plopi.collector", *options, *arguments], cwd, env, stdin)


def read(path: Path) -> Profile:
    data = path.read_bytes()
    return pprof.read(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data, Limits())


def profiles(cwd: Path) -> list[Path]:
    return sorted((cwd / "profiles").iterdir()) if (cwd / "profiles").exists() else []


def function_names(profile: Profile) -> set[str]:
    return {profile.function_name(row) for row in range(len(profile.functions))}


def samples_in(profile: Profile) -> int:
    return int(sum(profile.samples.weights[0]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``python`` stands for every interpreter found, ``some_python`` for the oldest and the newest (all with PLOPI_TEST_FULL)."""
    found = list(interpreters().items())
    for name, chosen in (("python", found), ("some_python", found if FULL else [found[0], found[-1]])):
        if name in metafunc.fixturenames and "ending" not in metafunc.fixturenames:
            metafunc.parametrize(name, [str(path) for _, path in chosen], ids=[version for version, _ in chosen])


def endings() -> Iterator[Any]:
    """Every ending on the oldest and the newest interpreter; those in which versions differ most on each."""
    found = list(interpreters().items())
    for ending in SOURCES:
        everywhere = FULL or ending.startswith(("fork", "SIGTERM", "SIGINT", "raises", "looks"))
        for name, path in found if everywhere else dict.fromkeys((found[0], found[-1])):
            yield pytest.param(str(path), ending, id=f"{name}-{ending}")


@pytest.mark.parametrize(("python", "ending"), [*endings()])
def test_a_program_shows_what_it_shows_without_plopi(python: str, ending: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SOURCES[ending], encoding="utf-8" if "latin" not in SOURCES[ending] else "latin-1")
    plain = run([python, "program.py", "-q", "argument"], tmp_path)
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "program.py").write_text(SOURCES[ending], encoding="utf-8" if "latin" not in SOURCES[ending] else "latin-1")
    with_plopi = profiled(python, ["program.py", "-q", "argument"], tmp_path)
    assert with_plopi.out == plain.out
    assert without_plopis_traces(with_plopi.err) == plain.err
    assert with_plopi.code == plain.code
    if ending == "removes its directory":
        assert len(with_plopi.said) == 1
        return
    assert [read(path) for path in profiles(tmp_path)], with_plopi.said
    assert not [path for path in profiles(tmp_path) if path.name.startswith(".")]


def without_plopis_traces(text: str) -> str:
    """What a program can come to show of plopi: a frame, where an excepthook of its own fails below it; and that a tick came just
    when asyncio had closed its wakeup descriptor and not yet taken it back."""
    text = re.sub(r"Exception ignored when trying to (?:write|send) to the signal wakeup fd:\n(?s:.)*?\nOSError: .*\n", "", text)
    return re.sub(r'  File "[^"]*/plopi/collector/launch.py".*\n.*\n( +[~^]+\n)?', "", text)


FORMS = {
    "script by ./": ["./look.py", "-x"],
    "script by ..": ["../{here}/look.py"],
    "script in a folder": ["sub/look.py"],
    "script through a link": ["link.py"],
    "module": ["-m", "look", "-m", "x"],
    "module, glued": ["-mlook", "--", "-q"],
    "module that raises": ["-m", "fails"],
    "package": ["-m", "package", "--mode"],
    "module in a package": ["-m", "package.inner"],
    "module that is not there": ["-m", "nowhere"],
    "package without __main__": ["-m", "sub"],
    "module that is interrupted": ["-m", "interrupted"],
    "code": ["-c", "print(__name__, sorted(globals())); import sys; print(sys.argv, repr(sys.path[0]))", "-c", "y"],
    "code that raises": ["-c", "def f():\n    1 / 0\nf()"],
    "code with a syntax error": ["-c", "1 +"],
    "folder": ["folder", "a"],
    "zip file": ["app.zip", "a"],
    "folder without __main__": ["sub"],
    "standard input": ["-", "a"],
    "compiled": ["look.pyc"],
}


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("forms")
    look, fails = SOURCES["looks around"], SOURCES["raises"]
    for folder in ("sub", "package", "folder"):
        (here / folder).mkdir()
    for name in ("look.py", "sub/look.py", "package/__main__.py", "package/inner.py", "folder/__main__.py"):
        (here / name).write_text(look)
    (here / "package/__init__.py").write_text("print('the package')")
    (here / "fails.py").write_text(fails)
    (here / "interrupted.py").write_text("raise KeyboardInterrupt")
    (here / "link.py").symlink_to(here / "sub/look.py")
    with zipfile.ZipFile(here / "app.zip", "w") as app:
        app.writestr("__main__.py", look + "\n1 / 0\n")
    return here


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_program(some_python: str, form: str, forms: Path, tmp_path: Path) -> None:
    arguments = [word.replace("{here}", forms.name) for word in FORMS[form]]
    if form == "compiled":
        subprocess.run([some_python, "-c", "import py_compile; py_compile.compile('look.py', 'look.pyc')"], cwd=forms, check=True)
    plain = run([some_python, *arguments], forms, stdin=LOOKS_AROUND.replace("\n    ", "\n"))
    with_plopi = profiled(
        some_python, arguments, forms, "--datadir", str(tmp_path / "profiles"), stdin=LOOKS_AROUND.replace("\n    ", "\n")
    )
    assert with_plopi.out == plain.out
    assert with_plopi.err == plain.err
    assert with_plopi.code == plain.code


LONG_NAMES = f"""
{BUSY}
import threading
for names in ({{"co_name": "n" * 70_000}}, {{"co_filename": "/f" * 40_000}}, {{"co_name": "\\udcff" * 4000}}):
    if "co_name" in names and hasattr(burn.__code__, "co_qualname"):
        names["co_qualname"] = names["co_name"]
    burn.__code__ = burn.__code__.replace(**names)
    worker = threading.Thread(target=burn, args=(0.2,), name="t" * 70_000)
    worker.start()
    worker.join()
"""


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_profile_can_be_read_however_long_names_and_the_command_are(form: str, some_python: str, tmp_path: Path) -> None:
    """The suite of Werkzeug, which makes a function with a name of 79 kB, left a profile that the viewer refused."""
    written = tmp_path / f"profile.{form}"
    options = ["-q", "--engine", "python", "-f", form, "-o", str(written)]
    ran = profiled(some_python, ["-c", LONG_NAMES, *["argument" * 100] * 100], tmp_path, *options)
    assert (ran.code, ran.err, ran.said) == (0, "", ())
    found = formats.read(written.read_bytes(), written.name)
    assert {"nnn", "\\ud"} <= {name[:3] for name in function_names(found)}
    assert len(found.about.command.encode()) <= 4096


def test_the_interpreters_own_options_hold(python: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import sys, warnings; print(__debug__, sys._xoptions, sys.warnoptions); warnings.warn('x')"
    )
    for options in (["-O"], ["-W", "error"], ["-X", "dev"], ["-X", "utf8", "-B"]):
        plain = run([python, *options, "program.py"], tmp_path)
        with_plopi = run([python, *options, "-m", "plopi.collector", "program.py"], tmp_path)
        assert (with_plopi.out, with_plopi.err, with_plopi.code) == (plain.out, plain.err, plain.code)


def test_a_program_gets_its_own_modules_though_plopi_imported_others_of_that_name(python: str, tmp_path: Path) -> None:
    for name in ("argparse", "queue", "gzip", "settings", "json"):
        (tmp_path / f"{name}.py").write_text(f"print('own {name}')")
    (tmp_path / "program.py").write_text("import argparse, queue, gzip, settings, json")
    for arguments in (["program.py"], ["-m", "program"]):
        plain, with_plopi = run([python, *arguments], tmp_path), profiled(python, arguments, tmp_path)
        assert (with_plopi.out, with_plopi.err, with_plopi.code) == (plain.out, plain.err, plain.code)


def test_a_closed_pipe(python: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("for i in range(100_000): print(i)")
    endings = []
    for command in ("", "-m plopi.collector -q "):
        shell = f"{python} {command}program.py | head -1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
        endings.append((done.stdout, done.stderr))
    assert endings[0] == endings[1]
    assert len(profiles(tmp_path)) == 1


class TestTheProfile:
    def test_holds_what_the_program_did_and_nothing_of_plopi(self, python: str, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(BUSY + "burn(0.5)\n")
        outcome = profiled(python, ["program.py", "x"], tmp_path)
        (path,) = profiles(tmp_path)
        profile = read(path)
        assert path.name.startswith("program-") and path.name.endswith(".pb.gz") and profile.about.complete
        assert profile.about.command == "program.py x"
        assert samples_in(profile) >= 5
        assert "burn" in function_names(profile)
        files = {profile.function_file(row) for row in range(len(profile.functions))}
        assert files <= {str(tmp_path / "program.py"), ""}
        assert (
            str(path.relative_to(tmp_path)) in outcome.said[0] and "samples" in outcome.said[0] and "own cost" in outcome.said[0]
        )

    def test_covers_threads_that_outlive_main(self, python: str, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(BUSY + "import threading; threading.Thread(target=burn, args=(0.5,)).start()\n")
        profiled(python, ["program.py"], tmp_path)
        profile = read(profiles(tmp_path)[0])
        assert "burn" in function_names(profile) and samples_in(profile) >= 5

    @pytest.mark.parametrize("way", ["os._exit(4)", "threading.Thread(target=os._exit, args=(4,)).start(); time.sleep(9)"])
    def test_is_whole_where_the_program_leaves_at_once(self, some_python: str, way: str, tmp_path: Path) -> None:
        """As mypy does; no exit hook runs then."""
        outcome = profiled(some_python, ["-c", f"{BUSY}import os, threading; burn(0.4); {way}"], tmp_path)
        (path,) = profiles(tmp_path)
        assert outcome.code == 4 and "samples" in outcome.said[0]
        assert path.name.endswith(".pb.gz") and "burn" in function_names(read(path))

    def test_of_a_program_that_waits_comes_with_a_hint(self, python: str, tmp_path: Path) -> None:
        outcome = profiled(python, ["-c", "import time; time.sleep(0.5)"], tmp_path)
        assert any("--mode wall" in line for line in outcome.said)
        outcome = profiled(python, ["-c", "import time; time.sleep(0.5)"], tmp_path, "--mode", "wall")
        assert not any("--mode wall" in line for line in outcome.said)

    def test_quiet_is_quiet(self, python: str, tmp_path: Path) -> None:
        assert profiled(python, ["-c", "pass"], tmp_path, "-q").said == ()
        assert profiled(python, ["-c", "pass"], tmp_path, env={"PLOPI_QUIET": "1"}).said == ()

    @pytest.mark.parametrize("format_name", FORMATS)
    def test_in_every_format(self, format_name: str, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(BUSY + "burn(0.3)\n")
        outcome = profiled(sys.executable, ["program.py"], tmp_path, "-f", format_name, "-o", "out/../out.file")
        assert outcome.code == 0 and b"burn" in unpacked(tmp_path / "out.file") and not profiles(tmp_path), outcome
        profiled(sys.executable, ["program.py"], tmp_path, "-f", format_name)
        (path,) = profiles(tmp_path)
        assert b"burn" in unpacked(path)

    def test_stops_after_the_duration_and_the_program_goes_on(self, python: str, tmp_path: Path) -> None:
        source = BUSY + "burn(1.5); import os; print([name.rpartition('.')[2] for name in os.listdir('profiles')])"
        outcome = profiled(python, ["-c", source], tmp_path, "-d", "0.3")
        assert outcome.out == "['gz']\n"
        duration = read(profiles(tmp_path)[0]).about.duration_ns
        assert duration is not None and 0.25e9 < duration < 1.4e9


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


class TestForkedChildren:
    SOURCE = (
        BUSY
        + """
import os, sys
child = os.fork()
if child == 0:
    def in_child(): burn(0.4)
    in_child()
    sys.exit(0)
os.waitpid(child, 0)
"""
    )

    def test_record_to_files_of_their_own(self, python: str, tmp_path: Path) -> None:
        profiled(python, ["-c", self.SOURCE], tmp_path)
        both = [read(path) for path in profiles(tmp_path)]
        assert len(both) == 2 and len({profile.about.pid for profile in both}) == 2
        assert ["in_child" in function_names(profile) for profile in both].count(True) == 1

    def test_or_not(self, python: str, tmp_path: Path) -> None:
        profiled(python, ["-c", self.SOURCE], tmp_path, "--no-follow-fork")
        (path,) = profiles(tmp_path)
        assert "in_child" not in function_names(read(path))

    def test_of_multiprocessing_finish_theirs(self, python: str, tmp_path: Path) -> None:
        source = BUSY + (
            "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=burn, args=(0.4,))\n"
            "child.start()\nchild.join()\n"
        )
        profiled(python, ["-c", source], tmp_path)
        both = profiles(tmp_path)
        assert len(both) == 2 and all(path.name.endswith(".pb.gz") for path in both)


class TestFaults:
    """Output and exit code stay, one line says what is wrong, nothing half-written is left."""

    SOURCE = BUSY + "burn(0.2); print('out'); raise SystemExit(3)"

    def check(self, outcome: Outcome, reason: str) -> None:
        assert (outcome.code, outcome.out, outcome.err) == (3, "out\n", "")
        (line,) = outcome.said
        assert reason in line

    def test_a_directory_that_cannot_be(self, some_python: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        self.check(profiled(some_python, ["-c", self.SOURCE], tmp_path, "--datadir", "file/x"), "Not a directory")

    def test_a_full_device(self, some_python: str, tmp_path: Path) -> None:
        self.check(profiled(some_python, ["-c", self.SOURCE], tmp_path, "-o", "/dev/full"), "No space left on device")

    def test_files_that_may_not_grow(self, some_python: str, tmp_path: Path) -> None:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        self.check(profiled(some_python, ["-c", limit + self.SOURCE], tmp_path), "File too large")
        assert [path.name for path in profiles(tmp_path) if path.suffix == ".tmp"] == []

    def test_no_descriptors_left(self, some_python: str, tmp_path: Path) -> None:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3));"
        outcome = profiled(some_python, ["-c", limit + self.SOURCE], tmp_path)
        assert (outcome.code, outcome.out, outcome.err) == (3, "out\n", "") and len(outcome.said) == 1


class TestKilled:
    def test_at_any_moment_leaves_something_readable(self, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(BUSY + "print('runs', flush=True)\nburn(0.35)\n")
        rng = random.Random(5)
        command = [sys.executable, "-m", "plopi.collector", "program.py"]
        for _ in range(20):
            with subprocess.Popen(
                command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as process:
                assert process.stdout and process.stdout.readline() == b"runs\n"
                time.sleep(rng.uniform(0, 0.5))
                process.send_signal(signal.SIGKILL)
                process.wait()
            found = [path for path in profiles(tmp_path) if not path.name.startswith(".")]
            assert found
            for path in found:
                assert read(path).about.command == "program.py"
                path.unlink()
        run([*command, "x"], tmp_path)
        assert not [path for path in profiles(tmp_path) if path.name.startswith(".")]

    def test_loses_a_window_at_most(self, some_python: str, tmp_path: Path) -> None:
        source = BUSY + "burn(2.5); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        assert profiled(some_python, ["-c", source], tmp_path).code == -signal.SIGKILL
        (path,) = profiles(tmp_path)
        weights = dict(zip((each.name for each in read(path).sample_types), read(path).samples.weights))
        assert path.name.endswith(".pb.part") and sum(weights["cpu"]) > 1.2e9


class TestArguments:
    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            ([], "no program was given"),
            (["--mode", "fast", "x.py"], "no mode 'fast'; choose one of cpu"),
            (["--interval", "-1", "x.py"], "'-1' is no positive time"),
            (["--interval", "ten", "x.py"], "'ten' is no positive time"),
            (["-r", "0", "x.py"], "'0' is no rate"),
            (["-r", "100", "--interval", "10ms", "x.py"], "both an interval and a rate"),
            (["--max-stacks", "1.5", "x.py"], "'1.5' is no positive whole number"),
            (["-f", "svg", "x.py"], "no format 'svg'"),
            (["--colour", "x.py"], "--colour"),
            (["-m"], "-m was given without"),
            (["-d"], "expected one argument"),
            (["nowhere.py"], "no file 'nowhere.py'"),
        ],
    )
    def test_that_make_no_sense_are_refused_with_status_2(
        self, argv: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(SystemExit) as exit:
            cli.main(argv, None)
        said = capsys.readouterr().err
        assert exit.value.code == 2 and message in said and said.startswith("plopi: ") and said.count("\n") == 1

    def test_parsing_stops_where_the_program_begins(self) -> None:
        for argv in (
            ["-q", "script.py", "-q", "--mode", "x", "--help"],
            ["--mode", "wall", "-m", "module", "-q", "--help"],
            ["-r", "50", "-c", "code", "-r", "x"],
            ["--mode=wall", "--", "-odd.py", "x"],
            ["-", "-q"],
        ):
            _, program = cli.parse(argv, {})
            assert program.args == tuple(argv[argv.index(program.target) + 1 :])

    def test_the_environment_stands_behind_the_command_line(self) -> None:
        environ = {"PLOPI_MODE": "real", "PLOPI_RATE": "50", "PLOPI_THREADS": "0", "PLOPI_DATADIR": "d", "PLOPI_QUIET": "1"}
        chosen, _ = cli.parse(["x.py"], environ)
        assert (chosen.mode, chosen.interval, chosen.threads, chosen.datadir, chosen.quiet) == (
            "wall",
            0.02,
            False,
            Path("d"),
            True,
        )
        chosen, _ = cli.parse(["--mode", "prof", "--interval", "5ms", "--threads", "x.py"], environ)
        assert (chosen.mode, chosen.interval, chosen.threads) == ("cpu", 0.005, True)
        with pytest.raises(SystemExit):
            cli.parse(["x.py"], {"PLOPI_MODE": "fast"})

    def test_help_teaches(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit:
            cli.parse(["--help"], {})
        text = capsys.readouterr().out
        assert exit.value.code == 0 and all(option.names[-1] in text and option.variable in text for option in cli.OPTIONS)


# -- what is here ----------------------------------------------------------------------------------------------------------------

DOCTOR = ("plopi.collector.doctor",), ("plopi.collector", "--doctor")


@pytest.mark.parametrize("words", DOCTOR, ids=" ".join)
def test_the_doctor_names_the_engine_that_a_profile_is_made_with(words: tuple[str, ...], tmp_path: Path) -> None:
    asked = run([sys.executable, "-m", *words], tmp_path)
    taken = re.search(r"^--engine auto takes the (\w+) engine here$", asked.out, re.MULTILINE)
    assert taken and (asked.code, asked.err, asked.said) == (0, "", ())
    run([sys.executable, "-m", "plopi.collector", "--mode", "wall", "-c", "pass"], tmp_path)
    (made,) = (tmp_path / "profiles").iterdir()
    assert pprof.read(gzip.decompress(made.read_bytes()), Limits()).about.engine == taken[1].lower()


@pytest.mark.parametrize("words", DOCTOR, ids=" ".join)
def test_the_doctor_does_not_mind_that_nobody_listens(words: tuple[str, ...]) -> None:
    ears, mouth = os.pipe()
    os.close(ears)
    done = subprocess.run([sys.executable, "-m", *words], env=ENVIRONMENT, stdout=mouth, stderr=subprocess.PIPE, timeout=240)
    os.close(mouth)
    assert (done.returncode, done.stderr) == (0, b"")
