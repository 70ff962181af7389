"""A run as the log shows it: its interpretations as they come, and each of them laid out in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.marks import SAYS_MORE, mark_of
from selfie_tui.records import Control, GeneratedToken, layer_name, without_blank_ends
from selfie_tui.settings import differences
from selfie_tui.tui.render.flow import Part, flow_parts, joined
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells, heat, padded, share
from selfie_tui.tui.runs import CONTROL, Run, State

ROLES_OF_STATES: dict[State, Role] = {
    "waiting": "warn",
    "running": "accent",
    "finished": "dim",
    "cancelled": "warn",
    "failed": "bad",
    "unfinished": "warn",
}

TAIL_CELLS = 6
LEAST_LABEL, MOST_LABEL = 8, 22
ROOMY = 64
"""Cells of a line from which on things are spaced out."""

MOST_BARS_BEHIND = 20
TEXT_COLUMN = 40
"""Cells after which the bars behind short texts begin, so that they stand below each other."""


class Layout(NamedTuple):
    """How lines are laid out: cells in a line, cells of the labels, bars below the text or behind it."""

    width: int
    label: int
    below: bool
    look: Look

    @property
    def close(self) -> bool:
        """Whether the line is narrow, and what stands between things is left out."""
        return self.width < ROOMY

    @property
    def gap(self) -> int:
        """Cells between a label and its text."""
        return 1 if self.close else 2

    @property
    def body(self) -> int:
        """Cells for the text of an interpretation and its bars."""
        return max(self.width - self.label - self.gap - TAIL_CELLS, 8)


def label_cells(run: Run, width: int, look: Look) -> int:
    """How wide the labels of a run are: as its widest, within bounds that leave cells for the text."""
    most = min(MOST_LABEL, max(LEAST_LABEL, width // 4))
    by_length = {(len(layer_name(cell.layer)), cell.position): index for index, cell in enumerate(run.request.cells)}
    widest = max((text.width(run.label(index, look, close=width < ROOMY)) for index in by_length.values()), default=0)
    return max(LEAST_LABEL, min(widest, most))


def header_line(run: Run, layout: Layout) -> Pieces:
    """The line above a run: its settings, its prompt, and how far it is."""
    request, look = run.request, layout.look
    description = run.description()
    settings = f"{look.prose(request.preset.name)} at {layer_name(request.injection_layer)}, {request.mode}"
    if request.strength != 1.0:
        settings += f" ×{request.strength:g}"
    if request.stack:
        settings = f"{request.stack} · {settings}"
    settings = ", ".join([settings, *(look.prose(other) for other in differences(request))])
    prompt = look.prose(request.prompt)
    width = layout.width - text.width(settings) - text.width(description) - 8
    quoted = f"“{_tail(prompt, width - 2)}”" if width >= 8 else ""
    role = ROLES_OF_STATES[run.state]
    left = (Piece("── ", "dim"), Piece(settings, "strong"), Piece(f"  {quoted} ", "dim"))
    fill = layout.width - cells(left) - text.width(description) - 1
    return (*left, Piece("─" * max(fill, 0), "dim"), Piece(f" {description}", role))


def interpretation_lines(run: Run, index: int, layout: Layout) -> list[Pieces]:
    """The lines of an interpretation: its cell, its text by token with bars for relevancy, and what it is worth."""
    label = run.label(index, layout.look, close=layout.close)
    tokens = without_blank_ends(run.tokens(index))
    plain = _is_plain(run, index)
    texts = [layout.look.prose(token.text) for token in tokens] or [layout.look.prose(run.text(index).strip())]
    roles = [_role(token, plain) for token in tokens] or ["dim" if plain else "text"]
    relevancies = [token.relevancy for token in tokens if token.relevancy is not None] if index != CONTROL else []
    body = _body(texts, roles, relevancies, run.request.max_new_tokens, layout._replace(width=layout.body))
    lines = [_framed(label, body[0], _tail_pieces(run, index), layout)]
    lines += [_framed("", line, (), layout) for line in body[1:]]
    interpretation = run.interpretations.get(index)
    if interpretation is not None and interpretation.random is not None:
        lines += _random_lines(interpretation.random, layout)
    return lines


def plain_line(run: Run, index: int, look: Look) -> str:
    """An interpretation as tab-separated text: its cell, its text, its treatment effect, `+` or `=`."""
    shown = " ".join(run.text(index).split())
    if index == CONTROL:
        return f"control\t{shown}"
    interpretation = run.interpretations.get(index)
    effect = (
        ""
        if interpretation is None or interpretation.treatment_effect is None
        else f"{interpretation.treatment_effect:.3f}"
    )
    mark = "" if interpretation is None else mark_of(interpretation)
    return f"{run.label(index, look)}\t{shown}\t{effect}\t{mark}"


def plain_header(run: Run) -> str:
    """A run's request as one line of text."""
    request = run.request
    settings = (
        f"{request.preset.name} at {layer_name(request.injection_layer)}, {request.mode}, strength {request.strength:g}"
    )
    settings = ", ".join([settings, *differences(request)])
    verdict = f" ({run.info.verdict})" if run.info else ""
    stack = f"{request.stack} · " if request.stack else ""
    return f"# {run.model}{verdict} · {stack}{settings} · {request.prompt!r}"


def folded(shown: str) -> str:
    """The text in lower case, character by character, so that offsets in it are offsets in the text."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in shown)


def highlighted(line: Pieces, query: str) -> Pieces:
    """The line with every occurrence of `query`, which is `folded`, shown as a match."""
    whole = folded("".join(piece.text for piece in line))
    if not query or query not in whole:
        return line
    hits = [False] * len(whole)
    start = whole.find(query)
    while start >= 0:
        hits[start : start + len(query)] = [True] * len(query)
        start = whole.find(query, start + 1)
    return joined(_split_by(line, hits))


def _is_plain(run: Run, index: int) -> bool:
    """Whether an interpretation is drawn without heat: the control, and what says no more than it."""
    return index == CONTROL or (index in run.interpretations and run.interpretations[index].equals_control)


def _role(token: GeneratedToken, plain: bool) -> Role:
    if plain:
        return "dim"
    return "text" if token.relevancy is None else heat(token.relevancy)


def _tail(shown: str, width: int) -> str:
    """The end of a text, which is where its last token is."""
    if text.width(shown) <= width:
        return shown
    kept = shown
    while kept and text.width(kept) > width - 1:
        kept = kept[max(1, text.width(kept) - width) :]
    return f"…{kept}"


def _body(texts: list[str], roles: Sequence[Role], relevancies: list[float], most: int, layout: Layout) -> list[Pieces]:
    """The text of an interpretation and its bars, in lines of `layout.width`."""
    lines = flow_parts(texts, layout.width)
    if not relevancies:
        return [_text(line, roles) for line in lines]
    column = min(layout.width - min(most, MOST_BARS_BEHIND), TEXT_COLUMN)
    first = _text(lines[0], roles)
    behind = tuple(Piece(bar(value), heat(value)) for value in relevancies)
    if not layout.below and len(lines) == 1 and cells(first) + 1 + len(behind) <= layout.width:
        return [(*padded(first, max(column, cells(first) + 1)), *behind)]
    drawn: list[Pieces] = []
    for line in lines:
        drawn += [_text(line, roles), _bars_below(line, relevancies)]
    return drawn


def _text(line: list[Part], roles: Sequence[Role]) -> Pieces:
    return tuple(Piece(part.text, roles[part.source]) for part in line)


def _bars_below(line: list[Part], relevancies: list[float]) -> Pieces:
    """For each token's text a bar of its width; spaces between words stay free."""
    below: list[Piece] = []
    for part in line:
        value = relevancies[part.source]
        blank = part.text.isspace()
        below.append(Piece((" " if blank else bar(value)) * text.width(part.text), heat(value)))
    return tuple(below)


def _framed(label: str, body: Pieces, tail: Pieces, layout: Layout) -> Pieces:
    return (
        Piece(text.pad(label, layout.label), "key" if label != "control" else "dim"),
        Piece(" " * layout.gap),
        *padded(body, layout.body),
        *tail,
    )


def _tail_pieces(run: Run, index: int) -> Pieces:
    """The treatment effect, and whether the interpretation says more than the control."""
    interpretation = run.interpretations.get(index)
    if interpretation is None:
        return ()
    effect = interpretation.treatment_effect
    number = Piece("    " if effect is None else f" {share(effect)}", "dim" if effect is None else heat(effect))
    mark = mark_of(interpretation)
    return number, Piece(f" {mark}", "good" if mark == SAYS_MORE else "dim")


def _random_lines(random: Control, layout: Layout) -> list[Pieces]:
    body = flow_parts([layout.look.prose(random.text)], layout.body)
    label = text.pad("  random", layout.label)
    return [
        (Piece(label if number == 0 else " " * layout.label, "dim"), Piece(" " * layout.gap), *_text(line, ["dim"]))
        for number, line in enumerate(body)
    ]


def _split_by(line: Pieces, hits: list[bool]) -> Iterator[Piece]:
    at = iter(hits)
    for piece in line:
        for character in piece.text:
            yield Piece(character, "match" if next(at) else piece.role)
