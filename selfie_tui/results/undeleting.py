"""Taking a deletion back: the lines of a run, kept by whoever deletes it, are appended to its session again."""

from __future__ import annotations

import os
from pathlib import Path

from selfie_tui.errors import SelfieError
from selfie_tui.paths import make_private
from selfie_tui.results.deleting import is_of
from selfie_tui.results.scan import lines_from
from selfie_tui.results.sessions import append_whole
from selfie_tui.results.stored import StoredRun


def lines_of(stored: StoredRun) -> bytes:
    """The lines of a run as they lie in its file; raises OSError."""
    lines = (line for _, line in lines_from(stored.path, stored.start) if is_of(line, stored.number))
    return b"".join(line.rstrip(b"\n") + b"\n" for line in lines)


def put_back(path: Path, lines: bytes) -> None:
    """Append the lines of a run that was deleted to its session file, which may be gone.

    Raises:
        SelfieError: for a disk that refuses.
    """
    try:
        make_private(path.parent)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            append_whole(file, lines)
        finally:
            os.close(file)
    except OSError as error:
        raise SelfieError(f"The run cannot be put back: {path}: {error.strerror}.", "Try again.") from error
