"""The page of a layer's control: its steps as they come, then what is read and answered before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from selfie_tui.glyphs import bar
from selfie_tui.records import Answered, ControlLayer, Interpretation, LayerControlBegan, Retained, Token, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.controlled import Controlled
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, clipped

LABEL_CELLS = 9
BARS = 40
"""Steps that have a bar of their own; of more, one in so many."""

NOTE = (
    "A copy of the layer's MLP was trained; the model that is loaded is as it was. That the state reads and answers as "
    "the target is so by construction: what was learnt shows in prompts that were not trained on. With as NAME the "
    "weights are kept, and an edit of the module in Inspect uses them: = weights:NAME."
)


class ControlScreen(PageScreen):
    """What is known of the last control of a layer; `another` asks for another one."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("control", "page")
    BINDINGS = bindings("control")

    def __init__(self, controlled: Controlled, another: Callable[[], None]) -> None:
        self.controlled, self._another = controlled, another
        super().__init__("Control of a layer", lambda width, look: page_lines(controlled, width, look))

    def show_found(self) -> None:
        """Draw what has come since, from the same line on."""
        self.page.rebuild()
        self.show_keys()

    def action_another(self) -> None:
        """Close the page, and ask for another training."""
        self.dismiss()
        self._another()


def page_lines(controlled: Controlled, width: int, look: Look) -> list[Pieces]:
    """What is known: what is trained towards what, how far it is, before and after, and what became of others."""
    task, began, done = controlled.task, controlled.began, controlled.done
    if task is None:
        return flow([Piece("Nothing has been trained yet.", "dim")], width)
    lines = asked_lines(controlled, task, width, look)
    if controlled.step:
        lines += [(), *flow([Piece(f"{controlled.step}…", "accent")], width)]
    if controlled.problem:
        lines += [(), *flow([Piece(look.prose(controlled.problem), "warn")], width)]
    for notice in controlled.notices:
        lines += flow([Piece(look.prose(notice), "warn")], width)
    if controlled.curve:
        lines += [(), *curve_lines(controlled.curve, width)]
    if began is not None:
        lines += before_and_after(controlled, began, width, look)
    if done is not None:
        for name, chosen in (("retained", False), ("held out", True)):
            lines += retained_lines(name, [each for each in done.retained if each.held_out is chosen], width, look)
        if done.file:
            lines += [(), *flow([Piece("weights  ", "key"), Piece(look.prose(done.file))], width)]
    return [*lines, (), *flow([Piece(NOTE, "dim")], width)]


def asked_lines(controlled: Controlled, task: ControlLayer, width: int, look: Look) -> list[Pieces]:
    """The layer and tokens, the target, and how far that is."""
    began, cells = controlled.began, task.request.cells
    layer = layer_name(cells[0].layer) if cells else ""
    tokens = began.tokens if began else ()
    at = ", ".join(named(token, look) for token in tokens) or ", ".join(str(cell.position) for cell in cells)
    target = "a random direction, as far as " if task.random else ""
    head = [Piece(f"{layer} at {at}", "strong"), Piece(" towards "), Piece(target)]
    lines = flow([*head, Piece(look.prose(controlled.target), "strong")], width)
    lines += flow([Piece(look.prose(f"“{task.request.prompt}”"), "dim")], width)
    said = [controlled.origin] if controlled.origin else []
    if began is not None:
        said += [look.prose(began.module), f"{began.parameters:,} weights"]
        said += [f"target {began.distance:.3g} away, of states {began.norm:.3g} long"]
    said += [f"{task.steps} steps", f"rate {task.rate:g}"]
    return [*lines, *flow([Piece(" · ".join(said), "dim")], width)]


def named(token: Token, look: Look) -> str:
    """`9 ·of`."""
    return f"{token.position} {look.visible(token.text)}"


def curve_lines(curve: Sequence[tuple[float, float]], width: int) -> Iterator[Pieces]:
    """How much of the way was left after each step, and how far other states were moved, the last number behind."""
    for name, values, most in (
        ("way left", [left for left, _ in curve], 1.0),
        ("others", [drift for _, drift in curve], max(max(drift for _, drift in curve), 0.01)),
    ):
        every = -(-len(values) // BARS)
        bars = "".join(bar(value / most) for value in values[every - 1 :: every] or values[-1:])
        words = f"  {values[-1]:.1%} of the way" if name == "way left" else f"  moved by {values[-1]:.2%} of their norm"
        yield clipped((Piece(f"{name:<{LABEL_CELLS}}", "key"), Piece(bars, "accent"), Piece(words, "dim")), width)


def before_and_after(controlled: Controlled, began: LayerControlBegan, width: int, look: Look) -> Iterator[Pieces]:
    """What the cells read as and what is answered, before and, where it has come so far, after."""
    after = controlled.done.after if controlled.done else None
    yield ()
    yield (Piece("reads as", "key"),)
    for index, each in enumerate(began.before.interpretations):
        now = after.interpretations[index] if after and index < len(after.interpretations) else None
        yield from pair_lines(named(each.token, look), said(each), said(now), width, look)
    if began.control is not None:
        yield from labelled("control", began.control.text.strip(), "dim", width, look)
    yield ()
    yield (Piece("answers", "key"),)
    for index, answer in enumerate(began.before.answers):
        later = after.answers[index] if after and index < len(after.answers) else None
        yield from pair_lines(f"“{look.prose(answer.prompt)}”", text_of(answer), text_of(later), width, look)


def said(each: Interpretation | None) -> str | None:
    """What a cell reads as; None where it is still to come."""
    return None if each is None else each.text.strip()


def text_of(answer: Answered | None) -> str | None:
    """An answer; None where it is still to come."""
    return None if answer is None else answer.text.strip()


def pair_lines(label: str, before: str | None, after: str | None, width: int, look: Look) -> Iterator[Pieces]:
    """A label, what stood there before, and what after, the latter marked where it is another."""
    yield from flow([Piece(label, "dim")], width)
    yield from labelled("  before", before or "", "text", width, look)
    if after is not None:
        yield from labelled("  after", after, "text" if after == before else "strong", width, look)


def labelled(name: str, words: str, role: Role, width: int, look: Look) -> Iterator[Pieces]:
    """A text with its name before it."""
    head = Piece(f"{name:<{LABEL_CELLS}}", "dim")
    for number, line in enumerate(flow([Piece(look.prose(words), role)], max(width - LABEL_CELLS, 8))):
        yield (head if not number else Piece(" " * LABEL_CELLS), *line)


def retained_lines(name: str, prompts: Sequence[Retained], width: int, look: Look) -> list[Pieces]:
    """Means over prompts that were not to change, and those after which another token comes."""
    if not prompts:
        return []
    positions = sum(each.positions for each in prompts)
    agreement = sum(each.agreement * each.positions for each in prompts) / positions
    kl = sum(each.kl * each.positions for each in prompts) / positions
    summary = (
        f"{len(prompts)} prompts, {positions} positions: {agreement:.1%} the same next token · KL {kl:.2g}, "
        f"at most {max(each.worst for each in prompts):.2g}"
    )
    lines: list[Pieces] = [(), *flow([Piece(f"{name}  ", "key"), Piece(summary)], width)]
    for each in prompts:
        if each.next_before != each.next_after:
            words = [Piece(look.visible(each.next_before)), Piece(" → ", "warn"), Piece(look.visible(each.next_after))]
            lines += flow([Piece(f"“{look.prose(each.prompt)}”  ", "dim"), *words], width)
    return lines
