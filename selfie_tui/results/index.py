"""The index of a session file, kept in the cache: its runs as they were found, so that a list need not read it again.

An index holds for a size and a time of change. A file that has grown is read from where the index ends; one that has
changed otherwise, wholly. Losing an index loses nothing, so one that cannot be read or written is passed over.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui import __version__
from selfie_tui.paths import make_private, replacing
from selfie_tui.results.scan import Scan
from selfie_tui.results.stored import StoredRun

VERSION = f"2 {__version__}"
"""The version of an index's shape and of the program that made it, which may know more of a run than others do."""

TAIL = 64
"""Bytes before the end of what was read, by which a file that grew is told from one that was replaced."""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The runs in a session file when it had a size and a time of change; `tail` are the last bytes that were read."""

    version: str = VERSION
    size: int
    changed: int
    scanned: int
    tail: bytes
    unreadable: int = 0
    runs: tuple[StoredRun, ...] = ()


def indexed(path: Path, cache: Path) -> Index:
    """The index of a session file as it is now, read from the cache or made, and kept there.

    Raises:
        OSError: the session file cannot be read.
    """
    state = path.stat()
    kept = read_index(index_path(path, cache))
    if kept is not None and (kept.size, kept.changed) == (state.st_size, state.st_mtime_ns):
        return kept
    if kept is not None and kept.size < state.st_size and kept.tail == tail_of(path, kept.scanned):
        scan = Scan(path, {run.number: run for run in kept.runs}, kept.scanned, kept.unreadable)
    else:
        scan = Scan(path)
    scan.go_on()
    index = Index(
        size=state.st_size,
        changed=state.st_mtime_ns,
        scanned=scan.scanned,
        tail=tail_of(path, scan.scanned),
        unreadable=scan.unreadable,
        runs=tuple(scan.runs.values()),
    )
    # A full or read-only disk, or a run that MessagePack cannot hold (half a surrogate pair, a number too large): the
    # index is made again next time.
    with contextlib.suppress(OSError, UnicodeEncodeError, OverflowError):
        write_index(index_path(path, cache), index)
    return index


def forget(path: Path, cache: Path) -> None:
    """Drop the index of a session file."""
    with contextlib.suppress(OSError):
        index_path(path, cache).unlink()


def forget_others(folder: Path, paths: Iterable[Path], cache: Path) -> None:
    """Drop the indexes of the session files of a folder that are no longer there: an index holds their texts."""
    there = {index_path(path, cache) for path in paths}
    with contextlib.suppress(OSError):
        for index in index_folder(folder, cache).glob("*.index"):
            if index not in there:
                index.unlink()


def index_path(path: Path, cache: Path) -> Path:
    """Where the index of a session file is kept."""
    return index_folder(path.parent, cache) / f"{path.stem}.index"


def index_folder(folder: Path, cache: Path) -> Path:
    """Where the indexes of a folder's session files are kept."""
    return cache / sha256(os.fsencode(folder.absolute())).hexdigest()[:16]


def read_index(path: Path) -> Index | None:
    """A kept index; None where there is none of this version, or none that can be read."""
    try:
        index = msgspec.msgpack.decode(path.read_bytes(), type=Index, dec_hook=_decoded)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return index if index.version == VERSION else None


def write_index(path: Path, index: Index) -> None:
    """Keep an index, by a rename, for the user's eyes only."""
    make_private(path.parent)
    with replacing(path, 0o600) as fresh:
        fresh.write_bytes(msgspec.msgpack.encode(index, enc_hook=str))


def tail_of(path: Path, end: int) -> bytes:
    """The bytes of a file before an offset."""
    with path.open("rb") as file:
        file.seek(max(0, end - TAIL))
        return file.read(min(end, TAIL))


def _decoded(kind: type, value: Any) -> Any:
    return kind(value)
