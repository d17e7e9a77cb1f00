"""Columns that a lens made, as the model has them."""

from __future__ import annotations

from typing import Any, cast

from numpy.typing import NDArray

from plopi.model import Column


def stored(values: NDArray[Any]) -> Column:
    """An array as a column of the model: nobody writes to it any more."""
    values.flags.writeable = False
    return cast(Column, values)
