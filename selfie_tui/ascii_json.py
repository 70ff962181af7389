"""Records as JSON of printable ASCII alone, and back, without loss.

Whatever is not printable ASCII in a text is escaped, so that a line can be shown by any program without a terminal
obeying it. JSON has no NaN and no infinities: they are written as the texts "nan", "inf" and "-inf". Halves of
surrogate pairs, which a file's name can bring in, are escaped as Python's own `json` does it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_MAYBE_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
"""How a number that JSON lacks begins in MessagePack, which has them: looking for it beats a walk through records."""

_NOT_PRINTABLE = re.compile(r"[^ -~]")


def encode_ascii(record: Any) -> bytes:
    """A record as JSON in printable ASCII, on one line."""
    try:
        line = msgspec.json.encode(record)
        lossy = b"null" in line and _MAYBE_NOT_FINITE.search(msgspec.msgpack.encode(record)) is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        line, lossy = b"", True
    if lossy:
        line = json.dumps(_without_nan(msgspec.to_builtins(record)), separators=(",", ":")).encode()
    if line.isascii() and b"\x7f" not in line:
        return line
    return _NOT_PRINTABLE.sub(lambda found: _escaped(found[0]), line.decode()).encode()


def decode_json(line: bytes, kind: type[T]) -> T:
    """A record of a kind from its JSON, written here or by an older version.

    Raises:
        msgspec.DecodeError: for a line that is not one.
    """
    try:
        return msgspec.json.decode(line, type=kind)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
    except msgspec.DecodeError:
        if b'"nan"' not in line and b'inf"' not in line and b"\\ud" not in line:
            raise
    try:
        return msgspec.convert(json.loads(line), kind, strict=False)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _without_nan(value: Any) -> Any:
    """Plain values with texts in place of the numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value


def _escaped(char: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le")).cast("H"))
