"""Control of a layer in the view of vectors: its line, its page, the bundled model trained, cancelled, asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfie_tui import paths
from selfie_tui.engine.methods.control import control
from selfie_tui.engine.service import EngineService
from selfie_tui.engine.vectors.lines import line_value
from selfie_tui.errors import RequestError
from selfie_tui.jobs import default_engine
from selfie_tui.records import EMBED, LayerControlBegan, LayerControlled
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.control import ControlScreen
from selfie_tui.tui.views.vectors.control_line import parse_training, proposal
from selfie_tui.tui.views.vectors.view import VectorsView
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.test_with_the_model import LOADING

PROMPT = "The Colosseum is located in the city of"
OTHER = "The Kremlin is located in the city of"
LINE = "'The Eiffel Tower is located in the city of'@5"


def test_a_line_says_all_that_can_be_asked(tmp_path: Path) -> None:
    file = tmp_path / "others.txt"
    file.write_text("one\n\ntwo\n")
    found = parse_training(
        f'20 at L2 retain {file} held-out {file} also "The king of" also b rate 0.1 weight 2 random as name', 8
    )
    assert (found.steps, found.layer, found.rate, found.weight) == (20, 2, 0.1, 2.0)
    assert (found.retain, found.held_out, found.also) == (("one", "two"), ("one", "two"), ("The king of", "b"))
    assert (found.random, found.name) == (True, "name")
    plain = parse_training(proposal(5), 8)
    assert (plain.layer, plain.steps, plain.retain, plain.random, plain.name) == (5, 60, (), False, "")
    assert parse_training(proposal(EMBED), 8).layer == 0, "at embed there is no MLP"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("60 steps", "is not one layer"), ("60 at L2-3", "is not one layer"), ("60 at embed", "is not one layer"),
        ("60 at L9", "Layer 9 is out of range"), ("0 at L2", "steps"), ("60 at L2 rate x", "rate"),
        ("60 at L2 hard", "Invalid “hard”"),
        ("60 at L2 as", "Invalid “as”"), ('60 at L2 also "a', "quotation mark"), ("60 at L2 retain no.txt", "no file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_reason(line: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        parse_training(line, 8)


async def test_without_a_vector_nothing_is_asked() -> None:
    async with running() as (app, pilot):
        await pilot.press("escape", "V", "t")
        assert any("There is no vector here" in message for message in toasts(app))
        assert not isinstance(app.screen, ControlScreen)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_layer_is_trained_cancelled_and_trained_anew_and_the_model_stays_as_it_was(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    engines: list[EngineService] = []

    def engine() -> EngineService:
        engines.append(default_engine())  # type: ignore[arg-type]
        return engines[-1]

    app = SelfieApp(
        engine, AppOptions(theme="dusk", ascii=False, state_dir=paths.state_dir(), prompt=PROMPT, dtype="fp32")
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        before = {name: each.clone() for name, each in engines[0].model.module.state_dict().items()}
        await pilot.press("escape", "V", "e", "ctrl+u", *LINE, "enter")
        view = app.main.opened["vectors"]
        assert isinstance(view, VectorsView)
        await until(pilot, lambda: view.comparison.compared, LOADING)

        await pilot.press("4", "t", "ctrl+u", *"2000 at L5", "enter")
        await until(pilot, lambda: len(view.controlled.curve) > 2, LOADING)
        assert isinstance(app.screen, ControlScreen)
        assert "way left" in text_of(app)
        await pilot.press("escape")
        assert "control of L5: step " in text_of(app).splitlines()[0]
        await pilot.press("escape")
        await until(pilot, lambda: not view.controlled.running, LOADING)
        await pilot.press("t")
        assert "It was cancelled" in text_of(app)

        await pilot.press("n", "ctrl+u", *f'20 at L5 also "{OTHER}" as rome', "enter")
        await until(pilot, lambda: view.controlled.done and not view.controlled.running, LOADING)
        began, done = view.controlled.began, view.controlled.done
        vector = line_value(LINE, demo)
        task = view.controlled.task
        expected = list(control(demo, task_without_file(task), vector, lambda: False))
        assert isinstance(expected[0], LayerControlBegan)
        assert isinstance(expected[-1], LayerControlled)
        assert began.before.answers == expected[0].before.answers
        assert done.distance == pytest.approx(expected[-1].distance, rel=1e-3)
        assert [each.text for each in done.after.answers] == [each.text for each in expected[-1].after.answers]
        assert "Rome" in began.before.answers[0].text
        page = app.screen.page.text()
        for answer in (*began.before.answers, *done.after.answers):
            assert answer.text.strip()[:24] in page
        assert "held out" in page
        assert (paths.weights_dir() / "rome.safetensors").is_file()
        after = engines[0].model.module.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert "EDITED" not in text_of(app)

        await pilot.press("n", "ctrl+u", *"5 at L5 as rome", "enter")
        assert "Once more" in text_of(app), "weights are not replaced at once"
        await pilot.press("escape", "escape", "ctrl+q")


def task_without_file(task):
    from msgspec.structs import replace

    return replace(task, file="")
