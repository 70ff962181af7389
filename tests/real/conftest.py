"""The published model, loaded once; its tests are collected only where its package is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.package import installed_file

if TYPE_CHECKING:
    from selfie_tui.engine.model import Model

FILE = installed_file()
collect_ignore_glob = [] if FILE else ["test_*.py"]


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    """SmolLM2-135M-Instruct, its matrices in Q4_1."""
    assert FILE is not None
    return FILE


@pytest.fixture(scope="session")
def smollm2(smollm2_file: Path) -> Model:
    """The model in float32, to which quantised files are unpacked."""
    from selfie_tui.engine.loading.load import load

    return load(smollm2_file, device="cpu")
