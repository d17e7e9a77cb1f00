"""profile.proto for the protobuf package, built in code so that no generated file has to match the package's version.

Sub-messages stand as ``bytes`` where there can be millions of them: each is counted before it is parsed. Strings stand as
``bytes`` too, since foreign profilers write names that are no UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from plopi.errors import FormatError

# name: (number, type, repeated)
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Profile": {
        "sample_type": (1, "ValueType", True),
        "sample": (2, "bytes", True),
        "mapping": (3, "Mapping", True),
        "location": (4, "bytes", True),
        "function": (5, "bytes", True),
        "string_table": (6, "bytes", True),
        "time_nanos": (9, "int64", False),
        "duration_nanos": (10, "int64", False),
        "period_type": (11, "ValueType", False),
        "period": (12, "int64", False),
        "comment": (13, "int64", True),
        "status": (1001, "bytes", True),
        "window": (1002, "Window", True),
    },
    "LeanProfile": {},  # as Profile, without the samples
    "ValueType": {"type": (1, "int64", False), "unit": (2, "int64", False)},
    "Mapping": {"id": (1, "uint64", False), "filename": (5, "int64", False)},
    "Window": {"start": (1, "int64", False), "length": (2, "int64", False)},
    "Sample": {"location_id": (1, "uint64", True), "value": (2, "int64", True), "label": (3, "bytes", True)},
    "PackedSample": {"location_id": (1, "bytes", True), "value": (2, "bytes", True), "label": (3, "bytes", True)},
    "Label": {"key": (1, "int64", False), "str": (2, "int64", False), "num": (3, "int64", False)},
    "Location": {
        "id": (1, "uint64", False),
        "mapping_id": (2, "uint64", False),
        "address": (3, "uint64", False),
        "line": (4, "Line", True),
    },
    "Line": {"function_id": (1, "uint64", False), "line": (2, "int64", False)},
    "Function": {
        "id": (1, "uint64", False),
        "name": (2, "int64", False),
        "system_name": (3, "int64", False),
        "filename": (4, "int64", False),
        "start_line": (5, "int64", False),
    },
}
_MESSAGES["LeanProfile"] |= {name: field for name, field in _MESSAGES["Profile"].items() if name != "sample"}


@dataclass(frozen=True)
class Schema:
    """Message classes of the protobuf package."""

    Profile: Any
    LeanProfile: Any
    """The same, its samples left unread."""
    Sample: Any
    PackedSample: Any
    """The same bytes as ``Sample``, its packed numbers left packed."""
    Label: Any
    Location: Any
    Function: Any


@cache
def schema() -> Schema:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="plopi/profile.proto", package="plopi", syntax="proto2")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind, repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in _MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".plopi.{kind}"
            else:
                field.type = {"int64": kinds.TYPE_INT64, "uint64": kinds.TYPE_UINT64, "bytes": kinds.TYPE_BYTES}[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("Profile", "LeanProfile", "Sample", "PackedSample", "Label", "Location", "Function")
    return Schema(*(message_factory.GetMessageClass(pool.FindMessageTypeByName(f"plopi.{name}")) for name in names))


def parsed(message: Any, raw: bytes) -> Any:
    """``raw`` as a message of this class."""
    try:
        return message.FromString(raw)
    except DecodeError:
        name = message.DESCRIPTOR.name.removeprefix("Packed").removeprefix("Lean")
        raise FormatError(f"the file is no protobuf {name}, or was cut off; copy the file again") from None
