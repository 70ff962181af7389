"""The session on disk: every entry is appended to a JSON-lines file at once, and read back by line."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from selfie_tui.paths import make_private
from selfie_tui.results.entries import Entry, RunEnded, decode, encode

SECONDS_BETWEEN_SYNCS = 1.0
"""What is written survives the process at once; what is synced survives the machine, and costs a disk's answer."""


class Session:
    """An append-only session file, created with its first entry; `path=None` keeps nothing.

    `problem` is the first error of writing, in one line; after it nothing more is tried, and nothing is raised: what is
    on the screen must not be lost because a disk is full. Folder and file are the user's alone.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = ""
        self._file: BinaryIO | None = None
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
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
        self._file.write(encode(entry) + b"\n")
        self._file.flush()
        if isinstance(entry, RunEnded) or time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file, if there is one; nothing is written any more."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


def new_path(folder: Path, now: datetime | None = None) -> Path:
    """A path for a session that begins now; the process number keeps two programs apart."""
    moment = now or datetime.now()
    return folder / f"{moment:%Y-%m-%d_%H-%M-%S}_{os.getpid()}.jsonl"


def read(path: Path) -> list[Entry]:
    """The entries of a session file; a torn last line, as a killed process leaves it, is left out.

    Raises:
        msgspec.DecodeError: a line before the last is not an entry.
        OSError: the file cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    entries = [decode(line) for line in lines if line]
    if torn:
        try:
            entries.append(decode(torn))
        except msgspec.DecodeError:
            return entries
    return entries
