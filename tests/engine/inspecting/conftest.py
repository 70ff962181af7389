"""Models are shared by the tests: one that fails takes its edits along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from selfie_tui.engine.inspecting.standing import let_stand
from tests.engine.inspecting.models import FAMILIES, OTHERS, build


@pytest.fixture(autouse=True)
def _no_edit_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    family = getattr(getattr(request.node, "callspec", None), "params", {}).get("family", "llama")
    if family in (*FAMILIES, *OTHERS):
        let_stand(build(family), [])
