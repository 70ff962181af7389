"""The standard streams as a shell may hand them over: closed, of another encoding, or with bytes that are not text."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

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


def prompt_lines(name: str) -> Iterator[str]:
    """The prompts in a file of UTF-8, or on standard input for `-`: one a line, read as they are asked for.

    A line is a prompt as it stands, or a JSON object with a `prompt`, which can have line ends in it. Empty lines are
    left out.

    Raises:
        RequestError: for a file that cannot be read, or a line that is not UTF-8.
    """
    return (_prompt_in(text) for _, text in text_lines(name))


def object_lines(name: str) -> Iterator[tuple[int, dict[str, object]]]:
    """The JSON objects in a file of UTF-8, or on standard input for `-`, one a line, each with its number from 1.

    Raises:
        RequestError: as `prompt_lines`, and for a line that is no such object.
    """
    for number, text in text_lines(name):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise RequestError(f"Line {number} is no JSON object.", "Write one a line.")
        yield number, found


def text_lines(name: str) -> Iterator[tuple[int, str]]:
    """The lines of a file of UTF-8, or of standard input for `-`, that are not empty, each with its number from 1.

    Raises:
        RequestError: as `prompt_lines`.
    """
    number = 1
    try:
        with _lines_of(name) as lines:
            for number, line in enumerate(lines, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if text.strip():
                    yield number, text
    except UnicodeDecodeError:
        raise RequestError(
            f"Line {number} of {'standard input' if name == '-' else name} is not UTF-8.",
            "Convert it first, for example with iconv -f latin1 -t utf-8.",
        ) from None
    except OSError as error:
        raise RequestError(
            f"{name} cannot be read: {error.strerror}.", "Give a text file, one prompt a line."
        ) from None


def _lines_of(name: str) -> AbstractContextManager[Iterable[bytes]]:
    """The lines of a file, or of standard input, which stays open; raises OSError."""
    if name != "-":
        return Path(name).open("rb")
    buffer = getattr(sys.stdin, "buffer", None)
    return nullcontext(buffer if buffer is not None else io.BytesIO(sys.stdin.read().encode()))


def _prompt_in(line: str) -> str:
    """The `prompt` of a line that is a JSON object, any other line itself."""
    if not line.lstrip().startswith("{"):
        return line
    try:
        prompt = json.loads(line)["prompt"]
    except (ValueError, KeyError, RecursionError):
        return line
    return prompt if isinstance(prompt, str) else line


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
