"""The window of a list moves by its height, never by a line at a time, and has what it must show in sight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from selfie_tui.tui.widgets.lines import OVERLAP, Lines, Rows


class Numbers(Rows):
    """A list of numbers in a window of so many lines."""

    def __init__(self, count: int, height: int) -> None:
        super().__init__()
        self.numbers, self.height_of_window, self.tops = count, height, [0]

    size = property(lambda self: Size(20, self.height_of_window))

    def count(self) -> int:
        return self.numbers

    def refresh(self, *regions, **options):
        return self

    def post_message(self, message):
        if isinstance(message, Lines.Scrolled):
            self.tops.append(self.top)
        return True


@given(st.integers(3, 40), st.integers(1, 200))
def test_single_steps_move_the_window_by_its_height_less_the_overlap(height, count):
    view = Numbers(count, height)
    for step in (*[1] * count, *[-1] * count):
        view.action_move(step)
        assert view.top <= view.cursor < view.top + height
    moves = [abs(after - before) for before, after in zip(view.tops, view.tops[1:], strict=False)]
    ends = {0, max(count - height, 0)}
    assert all(move == height - OVERLAP or after in ends for move, after in zip(moves, view.tops[1:], strict=True))
    assert len(moves) <= 2 * (count // max(height - OVERLAP, 1) + 1)


@given(st.integers(1, 40), st.data())
def test_what_is_shown_is_in_sight_its_first_line_above_all_and_nothing_moves_that_was_in_sight(height, data):
    view = Numbers(200, height)
    for _ in range(20):
        before = view.top
        first = data.draw(st.integers(0, 199))
        last = min(first + data.draw(st.integers(0, 60)), 199)
        view.show(first, last)
        assert view.top <= first < view.top + height
        assert last < view.top + height or view.top == first
        if before <= first and last < before + height:
            assert view.top == before
