"""Whether a session file belongs to a program that still runs: its writer holds a lock for as long as it lives."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None
"""None on a system without advisory locks, where no file counts as held."""


def hold(descriptor: int) -> None:
    """Mark an open file as in use until it is closed or its process ends; file systems without locks are let be."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)


def is_held(path: Path) -> bool:
    """Whether a process, this one or another, holds the file."""
    if fcntl is None:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
