"""Protocol Buffers' wire format, the encoding half: https://protobuf.dev/programming-guides/encoding/.

Tags are written as byte literals by the callers; field numbers up to 15 take one byte: ``number << 3 | wire type``.
"""

from __future__ import annotations

from functools import cache

VARINT, LENGTH = 0, 2
"""Wire types."""

_ONE = [bytes((n,)) for n in range(128)]
_CONTINUED = [sum(0x80 << 8 * place for place in range(size - 1)) for size in range(6)]
"""By size in bytes: the bit in all bytes but the last that says "more follows"."""


def varint(number: int) -> bytes:
    """A 64-bit integer as varint; negative ones as their two's complement, ten bytes long."""
    if 0 <= number < 128:
        return _ONE[number]
    if 0 < number < 1 << 35:  # without a loop: seven bits into each byte, then the bits between them
        spread = (
            number & 0x7F
            | (number & 0x3F80) << 1
            | (number & 0x1FC000) << 2
            | (number & 0xFE00000) << 3
            | (number & 0x7F0000000) << 4
        )
        size = (number.bit_length() + 6) // 7
        return (spread | _CONTINUED[size]).to_bytes(size, "little")
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


@cache
def tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def int_field(field: int, number: int) -> bytes:
    return tag(field, VARINT) + varint(number)


def bytes_field(field: int, content: bytes) -> bytes:
    return tag(field, LENGTH) + varint(len(content)) + content


def text(string: str) -> bytes:
    """UTF-8, which proto3 demands; lone surrogates, which UTF-8 cannot say, as backslash escapes."""
    return string.encode("utf-8", "backslashreplace")
