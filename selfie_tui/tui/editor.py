"""Edits a text in the user's own editor, which has the terminal meanwhile."""

from __future__ import annotations

import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from selfie_tui.errors import SelfieError

SET_ONE = "Set $VISUAL or $EDITOR to an editor, such as `nano`."


class EditorError(SelfieError):
    """The editor could not be started, or failed; the text is as it was."""


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """The editor with its arguments. Raises `EditorError` where none is set."""
    command = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise EditorError(f"$VISUAL or $EDITOR cannot be understood: {error}.", SET_ONE) from None
    if not words:
        raise EditorError("No editor is set.", SET_ONE)
    return words


def edit(text: str, environ: Mapping[str, str]) -> str:
    """The text as the editor left it, without the line break that editors put at the end.

    The terminal must be the editor's to use. Raises `EditorError`; a file with other text than before is then kept,
    and named.
    """
    command = editor_command(environ)
    before = (text if text.endswith("\n") or not text else f"{text}\n").encode(errors="replace")
    descriptor, name = tempfile.mkstemp(prefix="selfie-tui-", suffix=".txt")
    path = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(before)
        code = _run([*command, name])
        after = path.read_bytes()
    except OSError as error:
        path.unlink(missing_ok=True)
        raise EditorError(f"{command[0]}: {error.strerror or error}. The text is as it was.", SET_ONE) from None
    problem = f"{command[0]} ended with code {code}; the text is as it was." if code else ""
    if problem and after != before:
        raise EditorError(problem, f"What it wrote is in {name}.")
    path.unlink()
    if problem:
        raise EditorError(problem)
    return text if after == before else after.decode(errors="replace").removesuffix("\n")


def _run(command: list[str]) -> int:
    """Run a program on the terminal, whatever our own streams are by now; its exit code."""
    with open("/dev/tty", "r+b", buffering=0) as terminal, _interrupts_left_to_it():
        return subprocess.run(command, stdin=terminal, stdout=terminal, stderr=terminal, check=False).returncode


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    """ctrl+c reaches every program on the terminal; it is meant for the editor."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # unlike SIG_IGN, not inherited by the editor
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
