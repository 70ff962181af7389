"""Code that comes with a model runs for a limited time: a chat template that loops for ever is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import chat
from selfie_tui.engine.prompts.deadline import TookTooLong, within
from selfie_tui.engine.prompts.prepare import prepare
from selfie_tui.engine.service import EngineService
from selfie_tui.errors import PlaceholderError
from selfie_tui.records import Cell, Preset, PresetTokens, PreviewPreset, Request
from tests.engine.zoo import build

ENDLESS = (
    "{% for a in range(90000) %}{% for b in range(90000) %}{% if false %}x{% endif %}{% endfor %}{% endfor %}"
    "{{ messages[0].content }}"
)
TURN = Preset("turn", "[INST]the _ is[/INST] a")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """A model whose chat template loops for hours."""
    model = build("llama", layers=2)
    monkeypatch.setattr(chat, "SECONDS", 0.5)
    monkeypatch.setattr(chat, "_too_slow", set())
    monkeypatch.setattr(model.tokenizer, "chat_template", ENDLESS)
    yield model
    monkeypatch.undo()


def running() -> bool:
    return any(thread.name == "a model's own code" for thread in threading.enumerate())


def test_a_call_within_its_time_gives_its_result_and_its_error() -> None:
    assert within(5, lambda: 3) == 3
    with pytest.raises(ValueError, match="of its own"):
        within(5, lambda: int_of("of its own"))


def int_of(text: str) -> int:
    raise ValueError(text)


def test_a_call_that_takes_longer_is_stopped() -> None:
    def loop() -> None:
        while True:
            pass

    with pytest.raises(TookTooLong):
        within(0.2, loop)
    end = time.monotonic() + 5
    while running() and time.monotonic() < end:
        time.sleep(0.02)
    assert not running()


def test_a_template_that_loops_for_ever_is_refused_with_the_remedy(model: Model) -> None:
    request = Request("the city", (Cell(0, 1),), TURN)
    with pytest.raises(PlaceholderError, match="chat template takes longer than") as caught:
        prepare(model, request)
    assert "plain text" in caught.value.remedy
    started = time.monotonic()
    with pytest.raises(PlaceholderError, match="chat template takes longer than"):
        prepare(model, request)
    assert time.monotonic() - started < 0.4  # it is not tried again


def test_the_preview_says_so_and_the_next_one_works(model: Model) -> None:
    service = EngineService(model, threads=1)

    def preview(preset: Preset) -> PresetTokens:
        (event,) = service.run(PreviewPreset(preset), lambda: False, lambda event: None)
        assert isinstance(event, PresetTokens)
        return event

    assert "takes longer than" in preview(TURN).problem
    assert preview(replace(TURN, text="the _ is")).problem == ""
