"""The session on disk: every finished reading is appended to a JSON-lines file at once, and read back by line."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from selfie_tui.records import Control, Interpretation, ModelInfo, Request

SECONDS_BETWEEN_SYNCS = 1.0
"""What is written survives the process at once; what is synced survives the machine, and costs a disk's answer."""

Ending = Literal["finished", "cancelled", "failed"]


class RunBegan(msgspec.Struct, frozen=True, tag=True):
    """A run: its number in the session, its model, and the request that all its readings answer.

    `info` is what the model said of itself: device, number format, and the verdict of its checks. Older files lack it.
    """

    run: int
    model: str
    began: str
    request: Request
    info: ModelInfo | None = None


class Read(msgspec.Struct, frozen=True, tag=True):
    """A finished reading; `index` is its place in the request's cells."""

    run: int
    index: int
    interpretation: Interpretation


class Controlled(msgspec.Struct, frozen=True, tag=True):
    """The finished no-injection control of a run."""

    run: int
    control: Control


class RunEnded(msgspec.Struct, frozen=True, tag=True):
    """How a run ended."""

    run: int
    ending: Ending


Entry = RunBegan | Read | Controlled | RunEnded


class Session:
    """An append-only session file, created with its first entry; `path=None` keeps nothing.

    `problem` is the first error of writing, in one line; after it nothing more is tried, and nothing is raised: what is
    on the screen must not be lost because a disk is full.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = ""
        self._file: BinaryIO | None = None
        self._synced = 0.0

    def append(self, entry: Entry) -> None:
        """Write one entry through to the operating system."""
        if self.path is None or self.problem:
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("ab")
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
            if isinstance(entry, RunEnded) or time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            self.problem = f"The session is no longer saved: {self.path}: {error.strerror}"

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None


def new_path(folder: Path, now: datetime | None = None) -> Path:
    """A path for a session that begins now; the process number keeps two programs apart."""
    moment = now or datetime.now()
    return folder / f"{moment:%Y-%m-%d_%H-%M-%S}_{os.getpid()}.jsonl"


def timestamp() -> str:
    """The time now, in UTC, as sessions write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(path: Path) -> list[Entry]:
    """The entries of a session file; a torn last line, as a killed process leaves it, is left out.

    Raises:
        msgspec.DecodeError: a line before the last is not an entry.
        OSError: the file cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    entries = [_decode(line) for line in lines if line]
    if torn:
        try:
            entries.append(_decode(torn))
        except msgspec.DecodeError:
            return entries
    return entries


def _decode(line: bytes) -> Entry:
    return msgspec.json.decode(line, type=Entry)  # type: ignore[no-any-return]
