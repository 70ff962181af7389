"""The session on disk: every entry is appended to a JSON-lines file at once, and read back by line."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from datetime import datetime
from pathlib import Path

import msgspec

from selfie_tui.paths import make_private
from selfie_tui.results.entries import Entry, RunEnded, decode, encode
from selfie_tui.results.locks import hold

SECONDS_BETWEEN_SYNCS = 1.0
"""What is written survives the process at once; what is synced survives the machine, and costs a disk's answer."""


class Session:
    """An append-only session file, created with its first entry; `path=None` keeps nothing.

    `problem` is the first error of writing, in one line; after it nothing more is tried, and nothing is raised: what is
    on the screen must not be lost because a disk is full. Folder and file are the user's alone, and the file is held
    (see `locks`) until it is closed.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = ""
        self._file: int | None = None
        self._synced = 0.0
        self._closed = False
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> str:
        """Write one entry through to the operating system; what went wrong, the first time that something does."""
        with self._lock:
            if self.path is None or self.problem or self._closed:
                return ""
            try:
                self._write(self.path, entry)
            except OSError as error:
                self.problem = f"The session is no longer saved: {self.path}: {error.strerror}"
            return self.problem

    def _write(self, path: Path, entry: Entry) -> None:
        if self._file is None:
            make_private(path.parent)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            hold(self._file)
        append_whole(self._file, encode(entry) + b"\n")
        if isinstance(entry, RunEnded) or time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file, if there is one; nothing is written any more."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                with contextlib.suppress(OSError):  # every entry has been written: there is nothing left to lose
                    os.close(self._file)
                self._file = None


def append_whole(file: int, line: bytes) -> None:
    """Append a line to an open file: all of it, or nothing where the disk refuses.

    Raises:
        OSError: the disk refuses.
    """
    before = os.fstat(file).st_size
    written = 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
    except OSError:
        if written:
            os.ftruncate(file, before)
        raise


def new_path(folder: Path, now: datetime | None = None) -> Path:
    """A path for a session that begins now; the process number keeps two programs apart."""
    moment = now or datetime.now()
    return folder / f"{moment:%Y-%m-%d_%H-%M-%S}_{os.getpid()}.jsonl"


def read(path: Path) -> list[Entry]:
    """The entries of a session file; blank lines, where runs were deleted, and a torn last line, as a killed
    process leaves it, are left out.

    Raises:
        msgspec.DecodeError: a line before the last is not an entry.
        OSError: the file cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    entries = [decode(line) for line in lines if line.strip()]
    if torn:
        try:
            entries.append(decode(torn))
        except msgspec.DecodeError:
            return entries
    return entries
