"""Columns and tables that a lens made, as the model has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from plopi.model import Column, Samples
from plopi.viewer.analysis.columns import Ints, column
from plopi.viewer.analysis.growing_column import GrowingColumn

T = TypeVar("T")


def stored(values: NDArray[Any]) -> Column:
    """An array as a column of the model: nobody writes to it any more."""
    values.flags.writeable = False
    return cast(Column, values)


def since(values: Column, there: int) -> Ints:
    """The rows of a column that come after those ``there``."""
    return column(np.asarray(values)[there:])


class GrowingTable(Generic[T]):
    """A table of the model to which rows are appended; each that was given out stays as it was."""

    def __init__(self, make: Callable[..., T], columns: int) -> None:
        self._make = make
        self._columns = tuple(GrowingColumn() for _ in range(columns))

    def __len__(self) -> int:
        return len(self._columns[0])

    def append(self, *more: Ints) -> None:
        for whole, each in zip(self._columns, more):
            whole.append(each)

    @property
    def table(self) -> T:
        return self._make(*(stored(each.seen) for each in self._columns))


def samples_from(stack: Column, thread: Column, window: Column, *weights: Column) -> Samples:
    """The table of samples by its columns, as ``GrowingTable`` wants it."""
    return Samples(stack, thread, window, weights)
