"""The memory of this process as the C library hands it out, where that can be told what to do (glibc)."""

from __future__ import annotations

import ctypes
import sys

C_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
"""The C library that this process runs with, where it is asked for anything."""

LARGE = 8 * 2**20
"""Bytes from which on a block has memory of its own; most tensors of a batch's decoding are smaller."""

KEPT_FREE = 64 * 2**20
"""Free bytes at the heap's end that are kept for what comes next."""

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h


def give_large_blocks_their_own_memory() -> None:
    """Let blocks of `LARGE` bytes and more go back to the system as soon as they are freed.

    By default glibc raises that bound, to 32 MiB, with what is freed: the states and MLPs of a prompt of thousands of
    tokens then share the heap with what is kept of each layer, and their room is lost between it.
    """
    set_option = getattr(C_LIBRARY, "mallopt", None)
    if set_option is not None:
        set_option(MMAP_THRESHOLD, LARGE)
        set_option(TRIM_THRESHOLD, KEPT_FREE)


def return_freed_memory() -> None:
    """Give what was freed in this process back to the system.

    A batch's tensors are freed in pieces between others that live on, so that without this the process stays as large
    as the largest batch made it.
    """
    trim = getattr(C_LIBRARY, "malloc_trim", None)
    if trim is not None:
        trim(0)
