"""The command line: options and their environment variables, then the program, run under a ``Session``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from plopi import __version__
from plopi.collector import settings as choices
from plopi.collector.launch import Program, run
from plopi.collector.session import Session
from plopi.collector.settings import Settings
from plopi.errors import UsageError
from plopi.formats import FORMATS

USAGE = """python -m plopi.collector [options] SCRIPT [args ...]
       python -m plopi.collector [options] -m MODULE [args ...]
       python -m plopi.collector [options] -c CODE [args ...]"""

DESCRIPTION = """\
Run a program as plain python would, and sample what it does. The profile grows in the data directory while the program runs,
so it can be watched from another terminal:  python -m plopi.viewer --datadir profiles"""

EXAMPLES = """\
examples:
  python -m plopi.collector slow.py input.csv      where does slow.py spend its CPU time?
  python -m plopi.collector --mode wall slow.py    ... and where does it wait?
  python -m plopi.collector -m pytest tests        a module, as python -m would run it
  python -m plopi.collector -d 30 server.py        the first 30 seconds only; the server goes on
  python -m plopi.collector -f pstats -o slow.pstats slow.py
  go tool pprof -http=: profiles/slow-*.pb.gz      what plopi records, others can open

The program's exit status, output, signals and tracebacks are its own; plopi writes to stderr only (-q: errors only).
Ended by an exception, sys.exit, Ctrl-C or SIGTERM, the profile is finished; by SIGKILL or os._exit, what was recorded until
a second before stays readable in NAME.pb.part. Status 2 means that the options were wrong and nothing was run.

Each option can be set by an environment variable, which the command line overrides:
"""


@dataclass(frozen=True)
class Option:
    """One row of the help: ``read`` makes the value of the text; None for an on/off switch."""

    names: tuple[str, ...]
    field: str
    read: Callable[[str], Any] | None
    metavar: str
    help: str
    group: str = "sampling"

    @property
    def variable(self) -> str:
        return f"PLOPI_{self.field.upper()}"


OPTIONS = (
    Option(
        ("--mode",),
        "mode",
        choices.mode_named,
        "MODE",
        "the clock: cpu (default; Plop's prof), wall: waiting counts too (Plop's real), virtual: user CPU, both",
    ),
    Option(
        ("--interval",), "interval", choices.interval_of, "TIME", "time between samples, in seconds or like 10ms (default 10ms)"
    ),
    Option(("-r", "--rate"), "rate", choices.interval_of_rate, "N", "samples per second, instead of --interval (default 100)"),
    Option(("-d", "--duration"), "duration", choices.seconds, "TIME", "stop profiling after this long; the program goes on"),
    Option(("--threads",), "threads", None, "", "sample all threads (default), or with --no-threads the main thread alone"),
    Option(
        ("--follow-fork",),
        "follow_fork",
        None,
        "",
        "profile forked children too (default), each into a file of its own, or not: --no-follow-fork",
    ),
    Option(
        ("--engine",),
        "engine",
        choices.engine_named,
        "ENGINE",
        "python: portable; native: exact for C code, where it was built; auto (default): native if it can be had",
    ),
    Option(
        ("--max-stacks",),
        "max_stacks",
        choices.positive_count,
        "N",
        f"keep at most so many distinct stacks; the rest is counted as <truncated> (default {choices.MAX_STACKS})",
    ),
    Option(("-f", "--format"), "format", choices.format_named, "FORMAT", f"{', '.join(FORMATS)} (default pprof)", "output"),
    Option(("--datadir",), "datadir", Path, "DIR", f"where profiles go, made if missing (default {choices.DATADIR})", "output"),
    Option(
        ("-o", "--output"),
        "output",
        Path,
        "FILE",
        "write this one file, at the end, instead of recording in the data directory; forked children are left out",
        "output",
    ),
    Option(("-q", "--quiet"), "quiet", None, "", "say nothing but errors", "output"),
)


def main(argv: Sequence[str], path0: str | None) -> None:
    """Run what ``argv`` says; comes back, or raises, as the program does."""
    options, program = parse(argv, os.environ)
    session = Session(options, program.name)
    try:
        program.check()
        session.start(program.command)
    except UsageError as error:
        _refuse(str(error))
    run(program, path0)


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[Settings, Program]:
    """Settings and program; exits with status 2 where they make no sense."""
    ours, rest = split(argv)
    given = vars(_parser().parse_args(ours))
    try:
        chosen = {**_with_interval(_from_environment(environ)), **_with_interval(given)}
        program = _program(rest)
    except UsageError as error:
        _refuse(str(error))
    return Settings(**chosen), program


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The profiler's own arguments, and the program with all that is its own: from ``-m``, ``-c``, ``-`` or a plain word on."""
    with_value = {name for option in OPTIONS if option.read for name in option.names}
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--":
            return list(argv[:at]), list(argv[at + 1 :])
        if word == "-" or not word.startswith("-") or word.startswith(("-m", "-c")):
            return list(argv[:at]), list(argv[at:])
        at += 2 if word in with_value else 1
    return list(argv), []


def _program(words: Sequence[str]) -> Program:
    if not words:
        raise UsageError("no program was given; say which script to run, or -m MODULE, or -c CODE (--help has examples)")
    first, rest = words[0], words[1:]
    for flag, kind in (("-m", "module"), ("-c", "code")):
        if first.startswith(flag):
            if first == flag and not rest:
                raise UsageError(f"{flag} was given without what to run; write {flag} {kind.upper()}")
            target, args = (rest[0], rest[1:]) if first == flag else (first[2:], rest)
            return Program(kind, target, tuple(args))  # type: ignore[arg-type]
    return Program("script", first, tuple(rest))


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in OPTIONS:
        text = environ.get(option.variable, "")
        if text:
            try:
                found[option.field] = (option.read or choices.truth)(text)
            except UsageError as error:
                raise UsageError(f"{option.variable}: {error}") from None
    return found


def _with_interval(chosen: dict[str, Any]) -> dict[str, Any]:
    """Rate folded into interval: they say the same thing."""
    rate = chosen.pop("rate", None)
    if rate is not None:
        if "interval" in chosen:
            raise UsageError("both an interval and a rate were given; keep one of them")
        chosen["interval"] = rate
    return chosen


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plopi.collector",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EXAMPLES + _variables(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    groups: dict[str, Any] = {}
    for option in OPTIONS:
        group = groups.setdefault(option.group, None) or parser.add_argument_group(option.group)
        groups[option.group] = group
        if option.read:
            group.add_argument(
                *option.names, dest=option.field, type=_typed(option.read), metavar=option.metavar, help=option.help
            )
        elif option.field == "quiet":
            group.add_argument(*option.names, dest=option.field, action="store_true", help=option.help)
        else:
            group.add_argument(*option.names, dest=option.field, action=argparse.BooleanOptionalAction, help=option.help)
    python = f"{sys.implementation.name} {sys.version.split()[0]}"
    parser.add_argument("-V", "--version", action="version", version=f"plopi {__version__} ({python})")
    parser.add_argument("--doctor", action=_Doctor, help="say which engine a profile would be made with here, and why")
    return parser


class _Doctor(argparse.Action):
    def __init__(self, **settings: Any) -> None:
        super().__init__(nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from plopi.collector import doctor

        parser.exit(doctor.main())


def _typed(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def typed(text: str) -> Any:
        try:
            return read(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


def _variables() -> str:
    names = [option.variable if option.read else f"{option.variable}=0|1" for option in OPTIONS]
    lines = [", ".join(names[at : at + 5]) for at in range(0, len(names), 5)]
    return "\n".join(f"  {line}" for line in lines)


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"plopi: {message}\n")
    raise SystemExit(2)
