"""The lines of what is known of a vector: cosines, nearest tokens, its words beside the control's, a table."""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.records import LensToken, VectorLooks, layer_name
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells, clipped, padded, share
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.views.vectors.comparing import Compared
from selfie_tui.tui.widgets.interpretation_lines import Columns, Layout, tail_pieces, words_of

LABEL_CELLS = 9
NAME_CELLS = 14
TAIL_CELLS = 6
NEAREST_CELLS = 34
"""Cells that nearest and farthest tokens have each while the keys go elsewhere: each step sends them anew."""

MOST_TEXT = 3
"""Lines of a text at most."""


def cosine_text(value: float) -> str:
    """A cosine with its sign: `.61`, `−.44`, `1.0`."""
    return f"{'−' if value < -0.005 else ''}{share(abs(value))}"


def cosine_pieces(value: float) -> Pieces:
    """A cosine and its bar; of one below 0 a triangle, so that the sign is not colour alone."""
    mark = Piece("▽", "warn") if value < -0.005 else Piece(bar(value), "heat6" if value > 0.5 else "heat3")
    return (Piece(f"{cosine_text(value):>4} "), mark)


def compared_lines(compared: Compared, width: int, look: Look, *, brief: bool = False) -> list[Pieces]:
    """What a vector is like: its cosines with others, the tokens nearest to it and farthest, and what to know of it.

    `brief`: with fewer tokens, as for a step of the cursor.
    """
    here, most = compared.here, min(width, LABEL_CELLS + NEAREST_CELLS) if brief else width
    lines = [
        *cosine_lines(compared, width, look),
        tokens_line("nearest", here.nearest, most, look),
        tokens_line("farthest", here.farthest, most, look),
    ]
    for notice in here.notices:
        lines += problem_lines(notice, width, look)
    return lines


def read_lines(run: Run | None, problem: str, width: int, look: Look) -> list[Pieces]:
    """What the model says of a vector, as far as it was asked, and why it cannot."""
    said = reading_lines(run, width, look) if run is not None else []
    return [*said, *problem_lines(problem, width, look)]


def cosine_lines(compared: Compared, width: int, look: Look) -> list[Pieces]:
    """`cosine   paris .61 ▅  rome  −.44 ▽`, as many lines as are needed, with all in columns.

    There they stay when the cursor moves, though the vector that it comes to is left out, and the one it left is not.
    """
    wide = min(max((text.width(look.prose(name)) for name, _ in compared.others), default=0), NAME_CELLS)
    pairs = [
        (name, value)
        for (name, looks), value in zip(compared.others, compared.here.cosines[1:], strict=True)
        if looks.line != compared.here.line
    ]
    if not pairs:
        return []
    label = "centred" if compared.centred else "cosine"
    lines: list[Pieces] = []
    line: list[Piece] = [Piece(f"{label:<{LABEL_CELLS}}", "dim")]
    used = 0
    for name, value in pairs:
        shown = text.pad(text.clip(look.prose(name), wide), wide)
        if used and used + wide + 9 > width - LABEL_CELLS:
            lines.append(tuple(line))
            line, used = [Piece(" " * LABEL_CELLS)], 0
        line += [Piece(f"{shown} "), *cosine_pieces(value), Piece("  ")]
        used += wide + 9
    return [*lines, tuple(line)]


def tokens_line(label: str, tokens: Sequence[LensToken], width: int, look: Look) -> Pieces:
    """`nearest  ·Paris .41  ·French .12`, as many tokens as fit, and the first one even where it does not."""
    line: list[Piece] = [Piece(f"{label:<{LABEL_CELLS}}", "dim")]
    for number, token in enumerate(tokens):
        gap = "  " if number else ""
        more = (Piece(gap, "dim"), Piece(look.visible(token.text)), Piece(f" {share(token.probability)}", "dim"))
        if number and cells((*line, *more)) > width:
            break
        line += more
    return clipped(tuple(line), width)


def table_lines(vectors: Sequence[tuple[str, VectorLooks]], width: int, look: Look) -> list[Pieces]:
    """The cosines of every two of some vectors, numbered; the columns that fit.

    The vector under the cursor is the first one in each one's cosines, and not in the table.
    """
    count = min(len(vectors), max((width - NAME_CELLS - 4) // 6, 1))
    numbers = "".join(f"{number:>6}" for number in range(1, count + 1))
    lines: list[Pieces] = [(Piece(f"{'':{NAME_CELLS + 3}}{numbers}", "dim"),)]
    for number, (name, looks) in enumerate(vectors, 1):
        shown = text.pad(text.clip(look.prose(name), NAME_CELLS), NAME_CELLS)
        values = "".join(f"{cosine_text(value):>6}" for value in looks.cosines[1 : count + 1])
        lines.append((Piece(f"{number:>2} ", "dim"), Piece(shown), Piece(values)))
    return lines


def reading_lines(run: Run, width: int, look: Look) -> list[Pieces]:
    """The words for a vector, one for each of its layers, with what they are worth, and the control's below."""
    body = max(width - LABEL_CELLS - TAIL_CELLS, 8)
    layout = Layout(width, Columns(0, 0, LABEL_CELLS), look)
    indices = sorted({*run.interpretations, *run.growing} - {CONTROL})
    several = len(indices) > 1
    lines: list[Pieces] = []
    for index in indices or [0]:
        found = run.interpretations.get(index)
        label = f"{layer_name(found.cell.layer)} says" if several and found else "says"
        lines += _said(run, index, label, body, layout, most=1 if several else MOST_TEXT)
        if found is not None and found.random is not None:
            lines.append(
                clipped((Piece(f"{'~ random':<{LABEL_CELLS}}", "dim"), _plain(found.random.text, look)), width)
            )
    if run.control is not None or CONTROL in run.growing:
        lines += _said(run, CONTROL, "control", body, layout, most=1)
    if run.state == "cancelled":
        lines.append((Piece(f"{'':{LABEL_CELLS}}"), Piece("cancelled", "warn")))
    return lines


def _said(run: Run, index: int, label: str, body: int, layout: Layout, *, most: int) -> list[Pieces]:
    """A text in lines, `…` where there is nothing of it yet."""
    known = run.finished(index) or run.text(index).strip()
    pieces = words_of(run, index, layout) if known else [Piece("…", "dim")]
    flowed = flow(pieces, body)[:most]
    first = (Piece(f"{label:<{LABEL_CELLS}}", "dim"), *padded(flowed[0], body), *tail_pieces(run, index))
    return [first, *((Piece(" " * LABEL_CELLS), *line) for line in flowed[1:])]


def _plain(said: str, look: Look) -> Piece:
    return Piece(look.prose(said).strip(), "dim")


def problem_lines(problem: str, width: int, look: Look, role: Role = "warn") -> list[Pieces]:
    """A sentence, in as many lines as it needs."""
    return [(Piece(line, role),) for line in text.wrap(look.prose(problem), max(width, 8))] if problem else []


def plain_result(line: str, compared: Compared | None, run: Run | None) -> str:
    """What is known of a vector as text to copy."""
    lines = [line]
    if compared is not None:
        here = compared.here
        lines.append(f"norm\t{here.norm:.6g}")
        lines += [
            f"cosine\t{name}\t{value:.4f}" for (name, _), value in zip(compared.others, here.cosines[1:], strict=True)
        ]
        lines += [f"nearest\t{token.text}\t{token.probability:.3f}" for token in here.nearest]
        lines += [f"farthest\t{token.text}\t{token.probability:.3f}" for token in here.farthest]
    if run is not None:
        lines += [f"says\t{found.text}" for _, found in sorted(run.interpretations.items())]
        lines += [f"control\t{run.control.text}"] if run.control else []
    return "\n".join(lines)
