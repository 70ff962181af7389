"""The bundled model in float32, opened once, and the same model in the library's hands."""

from __future__ import annotations

import pytest
import torch

from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.library.facade import ModelAgnosticSelfie

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model() -> Model:
    return load("demo", device="cpu", dtype="fp32")


@pytest.fixture
def selfie(model: Model) -> ModelAgnosticSelfie:
    return ModelAgnosticSelfie(model)
