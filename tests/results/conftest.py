"""What the tests of results share: a command line whose bundled model is loaded once, and folders of its own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from selfie_tui import cli

if TYPE_CHECKING:
    from selfie_tui.engine.model import Model


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(
    demo: Model, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Done]:
    """A command line in this process, with the bundled model and new folders; arguments are written as text."""
    monkeypatch.setattr("selfie_tui.engine.service.load", lambda name, **options: demo)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        return Done(cli.main([str(argument) for argument in arguments]), *capsys.readouterr())

    return run


@pytest.fixture
def lines_on_stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a text on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))

    return put
