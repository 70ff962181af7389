"""What all tests share: one thread, a garbage collector that passes over the libraries, and the bundled model."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.package import INSTALL, PACKAGE, installed_file

if TYPE_CHECKING:
    from selfie_tui.engine.model import Model

# Models this small gain nothing by a second thread, and threads wait for each other where the machine is busy. torch
# and tokenizers read these when they are imported, in this process and in those that tests start.
os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "1"

# Imports make a million objects, which stay: looking through them again and again is a quarter of the time they take.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Let an example take as long as the machine makes it; the process that only hands out tests runs none."""
    if "PYTEST_XDIST_WORKER" in os.environ or not config.getoption("numprocesses", None):
        from hypothesis import settings

        settings.register_profile("any duration", deadline=None)
        settings.load_profile("any duration")


LONGEST = (
    "test_wire.py",
    "test_smollm2.py",
    "test_shipped_model.py",
    "test_screen_text.py",
    "test_cli.py",
    "test_app.py",
)
"""Files that take longest: begun first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and leave the rest in its order."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that the tests of a published model were not collected, and why."""
    if installed_file() is None:
        terminalreporter.write_line(f"tests/real was not collected: {PACKAGE} is not installed ({INSTALL})")


def pytest_collection_finish() -> None:
    """Take what the imported libraries hold out of every later collection."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Look once for what no longer lives; pytest would look through all that does five times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread_again() -> Iterator[None]:
    """An engine chooses its number of threads for the whole process; the next test begins with one again."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _folders_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sessions, drafts and settings of the tests, and of the processes that they start, are not the user's."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def demo() -> Iterator[Model]:
    """The bundled model in float32, for tests that only read it: no weight may change."""
    from selfie_tui.engine.loading.load import load

    model = load("demo", device="cpu", dtype="fp32")
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    yield model
    after = model.module.state_dict()
    assert after.keys() == before.keys()
    assert [name for name, weight in before.items() if not weight.equal(after[name])] == []


@pytest.fixture
def run(
    demo: Model, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., tuple[int, list[str], str]]]:
    """Runs a command line in this process: its exit code, the lines on stdout, and stderr.

    What it keeps is in a folder of its own; the bundled model is shared, and as it was loaded.
    """
    from selfie_tui import cli
    from selfie_tui.engine.loading.load import load

    def shared(name: str, *, device: str, dtype: str, **options: Any) -> Model:
        return demo if name == "demo" else load(name, device=device, dtype=dtype, **options)

    def run(*arguments: str) -> tuple[int, list[str], str]:
        demo.edits.now = ()
        capsys.readouterr()
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    monkeypatch.setattr("selfie_tui.engine.service.load", shared)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    yield run
    demo.edits.now = ()
