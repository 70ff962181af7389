"""An interpretation token by token: what was written, how probable it was, and what the injection changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.marks import MEANINGS, mark_of, norm_words
from selfie_tui.measures import agree, control_agreement
from selfie_tui.records import GeneratedToken, layer_name
from selfie_tui.settings import differences
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, heat
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.status import verdict
from selfie_tui.tui.views.interpret.blocks import HEADER
from selfie_tui.tui.views.interpret.log import Log

LENGTH = 10
"""Cells of the longest bar of an effect."""


class DetailsScreen(PageScreen):
    """The details of one entry of the log; left and right go through its run."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("details", "page")
    BINDINGS = bindings("details")

    def __init__(self, log: Log, run: Run, index: int, look: Look) -> None:
        super().__init__(_title(run, index, look), lambda width, look: details_lines(run, index, width, look))
        self.log_view, self.run, self.index = log, run, index

    def action_step(self, step: int) -> None:
        """The interpretation before or after, in the same run."""
        neighbour = self.log_view.neighbour_of(self.run, self.index, step)
        if neighbour is not None:
            self.index = neighbour
            self.retitle(_title(self.run, neighbour, self.app.look))
            self.page.show_page(lambda width, look: details_lines(self.run, neighbour, width, look))


def _title(run: Run, index: int, look: Look) -> str:
    return "The run" if index == HEADER else run.label(index, look)


def details_lines(run: Run, index: int, width: int, look: Look) -> list[Pieces]:
    """What a page says of an entry: of the run, and of the interpretation or control."""
    lines = _of_request(run, width, look)
    if index == HEADER:
        return lines
    lines += [(), *flow([Piece(look.prose(run.text(index)) or "nothing", "strong")], width), ()]
    interpretation = run.interpretations.get(index)
    if interpretation is not None:
        lines += flow([Piece(_of_interpretation(run, index), "dim")], width)
        for name, words in _beside(run, index, look):
            lines += flow([Piece(f"{name}: ", "dim"), Piece(words)], width)
        lines += [()]
    floor = run.interpretations[index].relevancy_floor if index in run.interpretations else 0.0
    return lines + token_lines(run.tokens(index), width, look, floor)


def _beside(run: Run, index: int, look: Look) -> Iterator[tuple[str, str]]:
    """What stands beside an interpretation, by name: control, baselines, random direction, samples."""
    interpretation = run.interpretations[index]
    yield "without injection", look.prose(run.text(CONTROL)) or "nothing"
    if interpretation.lens is not None:
        lens = interpretation.lens
        yield "the lens here", f"{look.visible(lens.text)} {lens.probability:.2f}"
    if interpretation.bare is not None:
        yield "the token's bare embedding", look.prose(interpretation.bare) or "nothing"
    if interpretation.random is not None:
        yield "random direction", look.prose(interpretation.random.text)
    if interpretation.samples:
        same = sum(agree(interpretation.text, sample) for sample in interpretation.samples)
        texts = " | ".join(look.prose(sample) or "nothing" for sample in interpretation.samples)
        yield f"{same} of {len(interpretation.samples)} samples agree", texts


def token_lines(tokens: tuple[GeneratedToken, ...], width: int, look: Look, floor: float = 0.0) -> list[Pieces]:
    """One line for each generated token: its text, P with injection, and the signed effect.

    A bar beside it stands for its size, where that is above the `floor` of noise.
    """
    if not tokens:
        return []
    widest = min(max(text.width(look.visible(token.text)) for token in tokens), max(width - 24 - LENGTH, 8), 40)
    widest = max(widest, 5)
    head = f"{'':3}  {text.pad('token', widest)}  {'P':>6}  {'effect':>7}"
    return [
        (Piece(head, "dim"),),
        *(_token_line(number, token, widest, look, floor) for number, token in enumerate(tokens)),
    ]


def _token_line(number: int, token: GeneratedToken, widest: int, look: Look, floor: float) -> Pieces:
    shown = text.pad(look.visible(token.text), widest)
    start = (Piece(f"{number:3}  ", "dim"), Piece(shown), Piece(f"  {token.probability:6.3f}"))
    if token.effect is None:
        return start
    size = abs(token.effect)
    role: Role = "dim" if size <= floor else heat(size)
    return (*start, Piece(f"  {token.effect:+7.3f}  ", role), Piece(_long_bar(size, floor), role))


def _long_bar(size: float, floor: float) -> str:
    """Blocks for tenths of a relevancy, one of eight bars for less than a tenth; nothing for noise."""
    if size <= floor:
        return ""
    return ("" if math.isnan(size) else "█" * int(min(size, 1.0) * LENGTH)) or bar(size)


def _of_request(run: Run, width: int, look: Look) -> list[Pieces]:
    request = run.request
    runs_on = f" · {run.info.dtype} on {run.info.device}" if run.info else ""
    settings = (
        f"{look.prose(run.model)}{runs_on} · {look.prose(request.preset.name)} · at "
        f"{layer_name(request.injection_layer)} · {request.mode} · strength {request.strength:g} · "
        f"{request.max_new_tokens} tokens · {run.description()}"
    )
    settings = " · ".join([settings, *(look.prose(other) for other in differences(request))])
    lines = flow([Piece(settings, "dim")], width)
    if run.info is not None:
        lines += flow([Piece("the hooks: ", "dim"), verdict(run.info, look.prose)], width)
    source = f"read from the {request.stack}: " if request.stack else "read from: "
    lines += flow([Piece(source, "dim"), Piece(look.prose(request.prompt))], width)
    return lines + flow([Piece("read with: ", "dim"), Piece(look.prose(request.preset.text))], width)


def _of_interpretation(run: Run, index: int) -> str:
    interpretation = run.interpretations[index]
    effect = interpretation.treatment_effect
    parts = [interpretation.problem] if interpretation.problem else []
    parts.append(norm_words(interpretation))
    if effect is not None:
        parts.append(f"treatment effect {effect:.3f} (mean relevancy of the tokens that are shown)")
    if interpretation.relevancy_floor:
        parts.append(f"rounding alone gives up to {interpretation.relevancy_floor:.3f}")
    if interpretation.entropy is not None:
        parts.append(f"the first token's entropy is {interpretation.entropy:.2f} nats")
    if interpretation.lead is not None:
        parts.append(f"the first token leads the second by {interpretation.lead:.2f} logits")
    shared = control_agreement(interpretation, run.control)
    if shared is not None:
        parts.append(f"the control has {shared:.0%} of its words")
    parts.append(MEANINGS[mark_of(interpretation)])
    return " · ".join(parts)
