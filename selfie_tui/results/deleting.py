"""Deleting runs and sessions for good: from the session file, and from its index."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from selfie_tui import paths
from selfie_tui.errors import SelfieError
from selfie_tui.paths import replacing
from selfie_tui.results.index import forget
from selfie_tui.results.locks import is_held
from selfie_tui.results.scan import lines_from
from selfie_tui.results.stored import StoredRun


class _Head(msgspec.Struct):
    run: int


def delete_run(stored: StoredRun, cache: Path | None = None) -> None:
    """Delete a run from its session file, and the file with its last run.

    A file that a program writes to keeps its length: the lines of the run are overwritten with blanks. Any other is
    written anew without them.

    Raises:
        SelfieError: for a run that is still being written, or a file that cannot be changed.
    """
    if stored.ending == "running":
        raise SelfieError("This run is still running.", "Cancel it first, then delete it.")
    try:
        if is_held(stored.path):
            blank(stored)
        else:
            rewrite_without(stored)
    except OSError as error:
        raise SelfieError(f"{stored.path}: {error.strerror}.", "Check the folder, then try again.") from error
    forget(stored.path, paths.history_dir() if cache is None else cache)


def delete_session(path: Path, cache: Path | None = None) -> None:
    """Delete a session file with all of its runs.

    Raises:
        SelfieError: for the session of a program that still runs, or a file that cannot be deleted.
    """
    if is_held(path):
        raise SelfieError(f"{path.name} is still being written.", "Quit the program that writes it, then delete it.")
    try:
        path.unlink()
    except OSError as error:
        raise SelfieError(f"{path}: {error.strerror}.", "Check the folder, then try again.") from error
    forget(path, paths.history_dir() if cache is None else cache)


def is_of(line: bytes, run: int) -> bool:
    """Whether a line belongs to a run; one that is not an entry belongs to none."""
    try:
        return msgspec.json.decode(line, type=_Head).run == run
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def blank(stored: StoredRun) -> None:
    """Overwrite the lines of a run with blanks, the first one first; raises OSError."""
    descriptor = os.open(stored.path, os.O_WRONLY)
    try:
        for offset, line in lines_from(stored.path, stored.start):
            if is_of(line, stored.number):
                os.pwrite(descriptor, b" " * len(line), offset)
    finally:
        os.close(descriptor)


def rewrite_without(stored: StoredRun) -> None:
    """Write a file anew without the lines of a run, by a rename; delete it where nothing is left. Raises OSError."""
    left = 0
    with replacing(stored.path, 0o600) as fresh, fresh.open("wb") as file:
        for _, line in lines_from(stored.path, 0):
            if line.strip() and not is_of(line, stored.number):
                left += file.write(line + b"\n")
    if not left:
        stored.path.unlink()
