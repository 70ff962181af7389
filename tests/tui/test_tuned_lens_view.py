"""The tuned lens in the view of the lens: taken from the settings, and refused by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from selfie_tui.config import Config
from selfie_tui.errors import RequestError
from selfie_tui.records import Event, ReadLens, Task
from selfie_tui.tui.lenses import TOKENS
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

SETTINGS = Config(tuned_lenses={"demo": "/lenses/demo", "gpt2": "/lenses/gpt2"})


class Refusing(FakeEngine):
    """An engine that has no tuned lens."""

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        if isinstance(task, ReadLens) and task.tuned:
            raise RequestError("There is no tuned lens in /lenses/demo: it has no config.json.", "Give another folder.")
        return super().run(task, cancelled, post)


def folders(engine: FakeEngine) -> list[str]:
    """The folders of the lenses that were asked for, in order and each once."""
    return list(dict.fromkeys(task.tuned for task in engine.done if isinstance(task, ReadLens) and task.k == TOKENS))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_map_is_read_with_the_tuned_lens_of_the_settings_and_without_it_again(size):
    engine = FakeEngine()
    async with running(engine, size, config=SETTINGS) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: app.main.view.source.table.rows)
        await pilot.press("3")
        await until(pilot, lambda: "tuned lens" in text_of(app) and "/lenses/demo" in folders(engine))
        await until(pilot, lambda: app.main.view.source.table.rows)
        await pilot.press("3")
        await until(pilot, lambda: "tuned lens" not in text_of(app))
    assert set(folders(engine)) == {"", "/lenses/demo"}


async def test_a_tuned_lens_that_is_refused_says_why_and_leaves_the_logit_lens():
    async with running(Refusing(), config=SETTINGS) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: app.main.view.source.table.rows)
        await pilot.press("3")
        await until(pilot, lambda: any("There is no tuned lens" in toast for toast in toasts(app)))
        await until(pilot, lambda: app.main.view.source.table.rows and not app.main.view.readings.tuned)
