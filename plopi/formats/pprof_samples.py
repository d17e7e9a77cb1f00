"""The samples of a pprof profile as rows of numbers, and what their labels say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plopi.formats import ragged
from plopi.formats.columns import Table, ints
from plopi.formats.fast import SampleColumns
from plopi.formats.limits import INT64_MAX, Limits
from plopi.formats.pprof_schema import parsed, schema
from plopi.formats.pprof_tables import Texts
from plopi.formats.ragged import Ints
from plopi.model import NONE

_THREAD_NAME = ("thread", "thread name", "thread_name")
_THREAD_ID = ("thread_id", "thread id")
_WINDOW = "window"


@dataclass(frozen=True)
class SampleRows:
    """Samples: the distinct paths (leaf first) as ragged rows, and by sample its path, its set of labels and its values."""

    locations: Ints
    """pprof's ids."""
    lengths: Ints
    path: Ints
    label: Ints
    labels: Sequence[tuple[bytes, ...]]
    values: Ints
    counts: Ints
    """How many values each sample has."""


def rows_of_columns(found: SampleColumns) -> SampleRows:
    """What the fast path read; a path that comes again stands there again."""
    kind = schema().PackedSample
    labels = [tuple(parsed(kind, raw).label) for raw in found.labels]
    path = np.arange(len(found.lengths))
    return SampleRows(found.locations, found.lengths, path, found.label, labels, found.values, found.counts)


def sample_rows(samples: Sequence[bytes], own: bool, limits: Limits) -> SampleRows:
    """``own``: plopi wrote them, so a path is likely to come again, and numbers to be packed."""
    return (_packed_rows(samples) if own else None) or _plain_rows(samples, limits)


def _packed_rows(samples: Iterable[bytes]) -> SampleRows | None:
    """Samples whose numbers are all packed, as plopi writes them: a path is decoded once however often it comes.

    None where a tool has rewritten the file and some are not packed: such numbers are unknown fields here, and told by the bytes
    that they add.
    """
    paths: dict[bytes, int] = {}
    labels: dict[tuple[bytes, ...], int] = {}
    path, label, values, sizes = [], [], [], []
    kind = schema().PackedSample
    for raw in samples:
        sample = parsed(kind, raw)
        if len(sample.location_id) != 1 or len(sample.value) != 1:
            return None
        path.append(paths.setdefault(sample.location_id[0], len(paths)))
        label.append(labels.setdefault(tuple(sample.label), len(labels)))
        values.append(sample.value[0])
        sizes.append(len(raw))
    label_sizes = ints([int(_field_sizes(each).sum()) for each in labels])
    if not np.array_equal(_field_sizes(paths)[ints(path)] + _field_sizes(values) + label_sizes[ints(label)], sizes):
        return None
    locations, lengths = ragged.varints(list(paths))
    flat, counts = ragged.varints(values)
    return SampleRows(locations, lengths, ints(path), ints(label), list(labels), flat, counts)


def _field_sizes(contents: Collection[bytes]) -> Ints:
    """How many bytes each takes as a field with a number below 16: tag, length, content."""
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    return sizes + 2 + sum((sizes >= 1 << 7 * place).astype(np.int64) for place in range(1, 5))


def _plain_rows(samples: Sequence[bytes], limits: Limits) -> SampleRows:
    labels: dict[tuple[bytes, ...], int] = {}
    lengths, label, counts, frames = [], [], [], 0
    locations, values = [], []
    kind = schema().Sample
    for raw in samples:
        sample = parsed(kind, raw)
        frames += len(sample.location_id)
        limits.check("frames", frames)
        lengths.append(len(sample.location_id))
        locations.append(np.array(sample.location_id, np.uint64))
        values.extend(sample.value)
        counts.append(len(sample.value))
        label.append(labels.setdefault(tuple(sample.label), len(labels)))
    flat = np.concatenate([np.empty(0, np.uint64), *locations]).view(np.int64)
    return SampleRows(flat, ints(lengths), np.arange(len(lengths)), ints(label), list(labels), ints(values), ints(counts))


class Labels:
    """Samples' labels as threads and windows; each distinct set of labels is looked at once."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.threads = Table(2)
        self._lengths: dict[int, int] = {}
        """By start, of all windows of which the file tells."""
        self._starts: dict[int, int] = {}
        """Row of the window that begins there."""

    def add_windows(self, raw: Sequence[Any]) -> None:
        for window in raw:
            self._lengths[int(window.start)] = int(window.length)
            self._starts.setdefault(int(window.start), len(self._starts))

    def rows(self, rows: SampleRows) -> tuple[Ints, Ints]:
        """Thread and window of each sample."""
        found = np.array([self._thread_and_window(raw) for raw in rows.labels] or [(NONE, NONE)], np.int64)
        return found[rows.label, 0], found[rows.label, 1]

    def _thread_and_window(self, raw_labels: tuple[bytes, ...]) -> tuple[int, int]:
        name, ident, window = None, 0, NONE
        text, kind = self._texts.text, schema().Label
        for raw in raw_labels:
            label = parsed(kind, raw)
            key = text(label.key)
            if key in _THREAD_NAME and label.HasField("str"):
                name = text(label.str)
            elif key in _THREAD_ID:
                ident = label.num
            elif key == _WINDOW and not label.str:
                window = self._starts.setdefault(label.num, len(self._starts))
        if name is None and not ident:
            return NONE, window
        return self.threads.row(self._texts.id(name or ""), ident), window

    def windows(self) -> int:
        return len(self._starts)

    def windows_since(self, row: int, usual: int | None) -> tuple[Ints, Ints]:
        """Starts and lengths; where a rewriting tool dropped plopi's own fields, the usual length or the next start tells."""
        starts = self._starts_since(row)
        following = dict(zip(sorted(starts), sorted(starts)[1:]))
        for start in starts:
            guess = following.get(start, start) - start if usual is None else usual
            self._lengths.setdefault(start, min(guess, INT64_MAX))
        return ints(starts), ints([self._lengths[start] for start in starts])

    def _starts_since(self, row: int) -> list[int]:
        """The latest windows stand last, and from there they are looked for."""
        newest = [start for start, _ in zip(reversed(self._starts), range(len(self._starts) - row))]
        return newest[::-1]
