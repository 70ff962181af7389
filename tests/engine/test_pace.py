"""How long a run will still take: first steps, which read the prompt, and later ones each at their own pace."""

from __future__ import annotations

import pytest

from selfie_tui.engine.pace import Pace


def test_nothing_is_promised_before_a_first_and_a_later_step_have_been_measured():
    pace = Pace()
    assert pace.seconds_left(10, 100) is None
    pace.stepped(10, 8.0, first=True)
    assert pace.seconds_left(10, 100) is None
    assert pace.seconds_left(10, 0) == pytest.approx(8.0), "of texts of one token there are no later steps"
    pace.stepped(10, 1.0, first=False)
    assert pace.seconds_left(10, 100) == pytest.approx(8.0 + 10.0)


def test_a_run_of_two_batches_whose_first_steps_are_ten_times_as_long_is_estimated_right_from_the_second_step():
    """100 cells, 12 steps each, in two batches that take turns: 2 x 10 s for first steps, 22 x 1 s for later ones."""
    pace, cells, steps, taken = Pace(), 50, 12, 0.0
    plan = [(batch, step) for steps_of in (range(4), range(4, steps)) for batch in (0, 1) for step in steps_of]
    total = 2 * 10.0 + 22 * 1.0
    begun, later = 0, 0
    for _, step in plan:
        seconds = 1.0 if step else 10.0
        taken += seconds
        pace.stepped(cells, seconds, first=not step)
        begun, later = begun + (not step), later + bool(step)
        left = pace.seconds_left(cells * (2 - begun), cells * (22 - later))
        assert left is None if not later else left == pytest.approx(total - taken)
