"""The bundled model in the library's hands."""

from __future__ import annotations

import pytest

from selfie_tui.engine.model import Model
from selfie_tui.library.facade import ModelAgnosticSelfie


@pytest.fixture(scope="session")
def model(demo: Model) -> Model:
    return demo


@pytest.fixture
def selfie(model: Model) -> ModelAgnosticSelfie:
    return ModelAgnosticSelfie(model)
