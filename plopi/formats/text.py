"""Text as it may come out of a file, or go into one."""

from __future__ import annotations


def clean(text: str) -> str:
    """``text`` with lone surrogates, which no UTF-8 can carry, as backslash escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def decoded(raw: bytes) -> str:
    """UTF-8, with backslash escapes for bytes that are none."""
    return raw.decode("utf-8", "backslashreplace")
