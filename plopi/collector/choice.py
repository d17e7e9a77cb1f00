"""Which engine samples: the one that was asked for, or the best there is."""

from __future__ import annotations

from plopi.collector import native
from plopi.collector.engine import Engine, Plan
from plopi.collector.native import NativeEngine
from plopi.collector.python_engine import PythonEngine
from plopi.collector.stacks import StackTable
from plopi.errors import UsageError

ENGINES = ("auto", "python", "native")


def _not_native(plan: Plan) -> tuple[bool, str | None]:
    """Whether ``auto`` leaves the native engine out, and what a reader of the profile should know of that."""
    if not native.is_proven() or plan.mode == "virtual":
        return True, None
    reason = native.why_not(plan)
    return (
        reason is not None,
        None if reason is None else f"sampled by the Python engine; the native one was not to be had: {reason}",
    )


def make_engine(name: str, plan: Plan, table: StackTable) -> Engine:
    """The engine called ``name``; ``auto`` is the best one there is. Raises ``UsageError`` for one that is not."""
    if name not in ENGINES:
        raise UsageError(f"no engine is called {name!r}: choose one of {', '.join(ENGINES)}")
    left_out, note = _not_native(plan) if name == "auto" else (name != "native", None)
    if not left_out:
        return NativeEngine(plan, table.max_stacks)
    engine = PythonEngine(plan, table)
    if note is not None:
        engine.tally.note(note)
    return engine
