"""What is kept of runs: the lines of a session file and of `--json`, and how lines of older versions are read.

A run is one `RunBegan`, then a `Result` for each finished part of it, then one `RunEnded`. Any method's run has this
shape: the task says what was asked, and the results are records with a tag.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from platform import python_version
from typing import Any, Literal

import msgspec

from selfie_tui import __version__
from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.records import CONTROL, Control, Interpret, Interpretation, Kept, ModelInfo, Request, RunTask

SCHEMA = 2
"""The version of the shape of the lines; 1 had `Read` and `Controlled`, and a request in place of a task."""

PACKAGES = ("torch", "transformers", "nnsight")

Ending = Literal["finished", "cancelled", "failed"]


class RunBegan(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A run: its number in the session, its model by name, when it began, and its task.

    `info` is what the model said of itself: device, number format, revision and verdict. `versions` are those of the
    program, of Python and of the packages that compute. Files of older versions may lack both. `resumes` is the run, as
    `run_id` writes it, whose results this one begins with.
    """

    schema: int = SCHEMA
    run: int
    model: str
    began: str
    task: RunTask
    info: ModelInfo | None = None
    versions: dict[str, str] = {}
    resumes: str = ""

    @property
    def request(self) -> Request:
        """The request of a self-interpretation; of another task there is none."""
        assert isinstance(self.task, Interpret)
        return self.task.request


class Result(msgspec.Struct, frozen=True, tag=True):
    """A finished part of a run: its index there (`CONTROL` for the control), and its record."""

    run: int
    index: int
    value: Kept


class RunEnded(msgspec.Struct, frozen=True, tag=True):
    """How a run ended, and of one that failed the cause in one line."""

    run: int
    ending: Ending
    problem: str = ""


Entry = RunBegan | Result | RunEnded


@cache
def versions() -> dict[str, str]:
    """The versions of the program, of Python and of the packages that compute, by name."""
    return {"selfie-tui": __version__, "python": python_version(), **{name: package_version(name) for name in PACKAGES}}


def package_version(package: str) -> str:
    """The installed version of a package, or that it is missing."""
    from importlib.metadata import PackageNotFoundError, version  # not needed for the first paint

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def timestamp() -> str:
    """The time now, in UTC, as entries have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def local_time(began: str) -> str:
    """An entry's time where the user is, to the minute; as it stands where it is not a time."""
    try:
        return f"{datetime.fromisoformat(began).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return began


def encode(entry: Entry) -> bytes:
    """An entry as a line of JSON in printable ASCII, without the line's end (see `ascii_json`)."""
    return encode_ascii(entry)


def decode(line: bytes) -> Entry:
    """The entry of a line, of this version's shape or an older one's.

    Raises:
        msgspec.DecodeError: for a line that is not an entry.
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_unusual(line)


_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def _decode_unusual(line: bytes) -> Entry:
    """The entry of a line of an older version, or with a number or a text that JSON lacks; raises as `decode`."""
    head = decode_json(line, _Head)
    if head.schema < SCHEMA and head.type in _OLD:
        kind, upgrade = _OLD[head.type]
        return upgrade(decode_json(line, kind))
    return decode_json(line, Entry)  # type: ignore[arg-type]


class _Head(msgspec.Struct):
    """As much of a line as says how to read it."""

    type: str
    schema: int = 1


class _RunBegan1(msgspec.Struct):
    run: int
    model: str
    began: str
    request: Request
    info: ModelInfo | None = None


class _Read1(msgspec.Struct):
    run: int
    index: int
    interpretation: Interpretation


class _Controlled1(msgspec.Struct):
    run: int
    control: Control


def _began(old: _RunBegan1) -> RunBegan:
    task = Interpret(old.request)
    return RunBegan(run=old.run, model=old.model, began=old.began, task=task, info=old.info)


_OLD: dict[str, tuple[Any, Callable[[Any], Entry]]] = {
    "RunBegan": (_RunBegan1, _began),
    "Read": (_Read1, lambda old: Result(old.run, old.index, old.interpretation)),
    "Controlled": (_Controlled1, lambda old: Result(old.run, CONTROL, old.control)),
}
"""Lines of schema 1 by their tag: how they are read, and what they are now."""
