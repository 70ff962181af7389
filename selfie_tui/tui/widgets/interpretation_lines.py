"""How a run is drawn in the log: its header, and each interpretation in one line or as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from selfie_tui import text
from selfie_tui.marks import FAR_NORM, NOT_READ, SAYS_MORE, SAYS_NOTHING, mark_of, norm_words
from selfie_tui.records import layer_name, without_blank_ends
from selfie_tui.settings import differences
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells, clipped, heat, padded, share
from selfie_tui.tui.render.words import cut, words
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

LEAST_RANDOM = 16
"""Cells below which a random direction's text is not begun behind an interpretation."""

ROLES_OF_MARKS: dict[str, Role] = {SAYS_MORE: "good", FAR_NORM: "warn"}
"""How the marks of what says more than the control are drawn; such a text has heat."""

INSTEAD = {SAYS_NOTHING: "no text", NOT_READ: "not read"}
"""What stands in place of a text that has no words, or whose problem is not known, by its mark."""

LEAST_RELEVANCY = 0.06
"""The relevancy above which a word has a bar, unless the noise of the model's number format is above it."""


@dataclass(frozen=True)
class Columns:
    """The columns of a run's labels, in cells: layer, position, and all of the label."""

    layer: int
    position: int
    label: int


@dataclass(frozen=True)
class Layout:
    """How the lines of a run are laid out: cells in a line, columns of its labels, what is searched for."""

    width: int
    columns: Columns
    look: Look
    query: str = ""

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
        return max(self.width - self.columns.label - self.gap - TAIL_CELLS, 8)


def columns_of(run: Run, width: int, look: Look) -> Columns:
    """The columns of a run's labels, as wide as its widest within bounds that leave cells for the text."""
    layer = max((len(layer_name(number)) for number in {cell.layer for cell in run.request.cells}), default=0)
    positions = {cell.position for cell in run.request.cells}
    position = max((len(str(number)) for number in positions), default=0)
    token = max((text.width(run.token_text(number, look)) for number in positions), default=0)
    most = min(MOST_LABEL, max(LEAST_LABEL, width // 4))
    wanted = layer + position + token + (2 if width < ROOMY else 4)
    return Columns(layer, position, max(LEAST_LABEL, min(wanted, most)))


def label_of(run: Run, index: int, layout: Layout) -> str:
    """`  L5 · 8 of`: the cell of an interpretation, its layer and position right-aligned; `control` for the control."""
    if index == CONTROL:
        return "control"
    cell, columns = run.cell(index), layout.columns
    dot = "·" if layout.close else " · "
    token = run.token_text(cell.position, layout.look)
    return f"{layer_name(cell.layer):>{columns.layer}}{dot}{cell.position:>{columns.position}} {token}".rstrip()


def header_line(run: Run, layout: Layout, *, folded: bool = False) -> Pieces:
    """The line above a run: its model, its settings, its prompt, and how far it is."""
    request, look = run.request, layout.look
    description = run.description()
    settings = f"{look.prose(request.preset.name)} at {layer_name(request.injection_layer)}, {request.mode}"
    if request.strength != 1.0:
        settings += f" ×{request.strength:g}"
    if request.stack:
        settings = f"{request.stack} · {settings}"
    if request.module is not None:
        settings = f"{look.prose(str(request.module))} · {settings}"
    edits = len(run.info.edits) if run.info else 0
    others = [*differences(request), *([f"EDITED {edits}"] if edits else [])]
    settings = ", ".join([settings, *map(look.prose, others)])
    name = run.info.title or run.model if run.info else run.model
    model = f"{text.clip_path(look.prose(name), max(layout.width // 5, 8))} · "
    width = layout.width - text.width(model) - text.width(settings) - text.width(description) - 8
    quoted = f"“{_end_of(look.prose(request.prompt), width - 2)}”" if width >= 8 else ""
    start = Piece("▸─ " if folded else "── ", "key" if folded else "dim")
    parts = (start, Piece(model, "accent"), Piece(settings, "strong"), Piece(f"  {quoted} ", "dim"))
    left = clipped(parts, max(layout.width - text.width(description) - 2, 0))
    fill = layout.width - cells(left) - text.width(description) - 1
    return (*left, Piece("─" * max(fill, 0), "dim"), Piece(f" {description}", ROLES_OF_STATES[run.state]))


def one_line(run: Run, index: int, layout: Layout) -> Pieces:
    """An interpretation in one line: its cell, its text cut to fit with bars beside its words, what it is worth."""
    body = cut(words_of(run, index, layout), layout.body)
    interpretation = run.interpretations.get(index)
    if interpretation is not None and interpretation.random is not None:
        left = layout.body - cells(body) - 3
        if left >= LEAST_RANDOM:
            shown = text.clip(layout.look.prose(interpretation.random.text), left - 2)
            body = (*body, Piece(f"   ~ {shown}", "dim"))
    return _framed(run, index, body, layout)


def whole_lines(run: Run, index: int, layout: Layout) -> list[Pieces]:
    """An interpretation with all of its text, and below it that of its random direction."""
    first, *others = flow(words_of(run, index, layout), layout.body)
    indent = Piece(" " * (layout.columns.label + layout.gap))
    lines = [_framed(run, index, first, layout), *((indent, *line) for line in others)]
    interpretation = run.interpretations.get(index)
    if interpretation is not None and interpretation.random is not None:
        lines += lines_under("~ random", interpretation.random.text, layout, whole=True)
    return lines


def surely_one_line(run: Run, index: int, layout: Layout) -> bool:
    """Whether the whole of an interpretation is one line, by a look at its text alone; False where it may be."""
    interpretation = run.interpretations.get(index)
    shown = run.text(index)
    if interpretation is not None and (interpretation.random is not None or interpretation.is_empty):
        return False
    plain = shown.isascii() and shown.isprintable()
    return plain and len(shown) + shown.count(" ") + 1 <= layout.body


def words_of(run: Run, index: int, layout: Layout) -> list[Piece]:
    """The text of an interpretation, without heat for the control and for what says no more than it.

    One without text says why: what went wrong, or the norm of its state where that is far from its layer's.
    """
    interpretation = run.interpretations.get(index)
    if interpretation is not None and mark_of(interpretation) in INSTEAD:
        shown = layout.look.prose(interpretation.problem or INSTEAD[SAYS_NOTHING])
        return [Piece(f"{shown} · {norm_words(interpretation)}" if interpretation.is_far else shown, "dim")]
    warm = index != CONTROL and (interpretation is None or mark_of(interpretation) in ROLES_OF_MARKS)
    role: Role = "text" if warm else "dim"
    tokens = without_blank_ends(run.tokens(index))
    if not tokens:
        return words([layout.look.prose(run.text(index).strip())], (), layout.query, 0.0, role)
    first, *others = (layout.look.prose(token.text) for token in tokens)
    relevancies = [token.relevancy for token in tokens if token.relevancy is not None] if warm else []
    floor = max(LEAST_RELEVANCY, interpretation.relevancy_floor if interpretation else 0.0)
    return words([first.lstrip(" "), *others], relevancies, layout.query, floor, role)


def _framed(run: Run, index: int, body: Pieces, layout: Layout) -> Pieces:
    label = text.pad(label_of(run, index, layout), layout.columns.label)
    return (
        Piece(label, "dim" if index == CONTROL else "key"),
        Piece(" " * layout.gap),
        *padded(body, layout.body),
        *tail_pieces(run, index),
    )


def tail_pieces(run: Run, index: int) -> Pieces:
    """The treatment effect, and the mark."""
    interpretation = run.interpretations.get(index)
    if interpretation is None:
        return ()
    mark = mark_of(interpretation)
    effect = None if mark in INSTEAD else interpretation.treatment_effect
    number = Piece("    ", "dim")
    if effect is not None:
        number = Piece(f" {share(effect)}", heat(effect) if mark in ROLES_OF_MARKS else "dim")
    return number, Piece(f" {mark}", ROLES_OF_MARKS.get(mark, "dim"))


def lines_under(name: str, said: str, layout: Layout, *, whole: bool) -> list[Pieces]:
    """Another text under an interpretation, dim, with its name in the column of labels: all of it, or one line."""
    shown = layout.look.prose(said).strip()
    body = flow([Piece(shown, "dim")], layout.body) if whole else [(Piece(text.clip(shown, layout.body), "dim"),)]
    label = text.pad(name, layout.columns.label)
    return [
        (Piece(label if number == 0 else " " * layout.columns.label, "dim"), Piece(" " * layout.gap), *line)
        for number, line in enumerate(body)
    ]


def _end_of(shown: str, width: int) -> str:
    """The end of a text, which is where its last token is."""
    if text.width(shown) <= width:
        return shown
    kept = shown[-max(width, 1) :]
    while kept and text.width(kept) > width - 1:
        kept = kept[1:]
    return f"…{kept}"
