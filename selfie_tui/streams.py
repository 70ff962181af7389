"""The standard streams as a shell may hand them over: closed, of another encoding, or with bytes that are not text."""

from __future__ import annotations

import contextlib
import os
import sys

from selfie_tui.errors import RequestError


def make_usable() -> None:
    """Open closed streams on nothing, and have output write what its encoding lacks as Python escapes.

    A closed descriptor would be given to the next file that is opened, and what others print would land there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(number):
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that a caller put there
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def read_prompt() -> str:
    """The text on standard input, which is UTF-8 whatever the locale, without the ends of its last lines.

    Raises:
        RequestError: for bytes that are not UTF-8, naming the first.
    """
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return sys.stdin.read().rstrip("\n")
    content: bytes = buffer.read()
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"Standard input is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}.",
            "Convert it first, for example with iconv -f latin1 -t utf-8.",
        ) from None


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
