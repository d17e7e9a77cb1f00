"""JSON taken piece by piece: large objects and lists are walked, not made; only what a reader asks for becomes objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from plopi.errors import FormatError

_BLANKS = re.compile(r"[ \t\n\r]*")
_WALKED = 4
"""Levels of lists and objects that are passed over without being made."""


class Pull:
    """A place in a JSON text. What ``fields`` and ``items`` yield has to be taken or passed over before they go on.

    Raises FormatError with the offset in bytes. The text knows no NaN, no Infinity, no key twice, and no great depth.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("the JSON is not in UTF-8", error.start) from None
        self._decoder = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_without_duplicates)
        self._at = 0
        self._blanks()

    @property
    def done(self) -> float:
        """How much of the text is behind, from 0 to 1."""
        return self._at / max(len(self._text), 1)

    def is_at(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def value(self) -> Any:
        """What stands here, whole."""
        try:
            found, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise self._broken(error.msg, error.pos) from None
        except ValueError:
            raise FormatError("the JSON holds a number of thousands of digits") from None
        except RecursionError:
            raise FormatError("the JSON is nested deeper than any speedscope file") from None
        self._blanks()
        return found

    def fields(self, where: str) -> Iterator[str]:
        """The keys of the object that stands here, in its order."""
        self._expect("{", f"{where} should be a JSON object")
        seen: set[str] = set()
        for _ in self._parts("}"):
            if not self.is_at('"'):
                raise self._broken("Expecting property name enclosed in double quotes", self._at)
            key = str(self.value())
            if key in seen:
                raise FormatError("the JSON has an object with the same key twice")
            seen.add(key)
            self._take(":")
            yield key

    def items(self, where: str) -> Iterator[int]:
        """The places of the list that stands here: 0, 1, ..."""
        self._expect("[", f"{where} should be a JSON list")
        yield from self._parts("]")

    def pass_over(self, levels: int = _WALKED) -> None:
        """Leave behind what stands here; it is checked all the same."""
        if levels and self.is_at("{"):
            for _ in self.fields(""):
                self.pass_over(levels - 1)
        elif levels and self.is_at("["):
            for _ in self.items(""):
                self.pass_over(levels - 1)
        else:
            self.value()

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._text):
            raise self._broken("Extra data", self._at)

    def _expect(self, opening: str, what: str) -> None:
        if self._at == len(self._text):
            raise self._broken("Expecting value", self._at)
        if not self.is_at(opening):
            raise FormatError(f"{what}; export the file again")

    def _parts(self, closing: str) -> Iterator[int]:
        self._take(self._text[self._at])
        number = 0
        if not self.is_at(closing):
            yield number
            while self.is_at(","):
                self._take(",")
                number += 1
                yield number
        self._take(closing)

    def _take(self, sign: str) -> None:
        if not self.is_at(sign):
            raise self._broken(f"Expecting {sign!r}", self._at)
        self._at += 1
        self._blanks()

    def _blanks(self) -> None:
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _broken(self, what: str, at: int) -> FormatError:
        return FormatError(f"the JSON is broken: {what}", len(self._text[:at].encode("utf-8", "replace")))


def _no_number(name: str) -> NoReturn:
    raise FormatError(f"the JSON holds {name}, which is no number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("the JSON has an object with the same key twice")
    return found
