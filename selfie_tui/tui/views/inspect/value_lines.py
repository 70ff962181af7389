"""What is said of a tensor under the cursor, as lines: numbers, bars, nearest tokens, generated tokens, heads."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.records import AttentionRead, LensToken, Peeked, StepPeeked, Token, Values
from selfie_tui.tui.render.styles import Look, Piece, Pieces, padded, share
from selfie_tui.tui.views.inspect.sparks import number, shortest, spark

LABEL_CELLS = 13
NEAREST_CELLS = 34
"""Cells that the nearest tokens have while the keys go elsewhere: each step sends them anew."""

NEAR = 0.005
"""Probability below which a token is shown as .00, and not at all where another one is nearer."""

COLUMN = 5
"""Cells of a token in a line of a head's attention."""

HEAD_CELLS = 6
"""Cells before them."""


def shape_text(peeked: Peeked) -> str:
    """`10 × 576 · bf16`."""
    return f"{' × '.join(map(str, peeked.shape)) or 'one number'} · {peeked.dtype}"


def values_at(peeked: Peeked, position: int) -> Values:
    """The values at a token; those of the whole tensor where it has no axis of tokens."""
    return peeked.tokens[position] if position < len(peeked.tokens) else peeked.whole


def numbers_line(values: Values) -> Pieces:
    """Norm, mean, deviation and largest magnitude in columns of their own; how much is not finite, where anything."""
    named = (("norm", values.norm), ("mean", values.mean), ("std", values.std), ("max", values.max))
    line = [piece for name, value in named for piece in (Piece(f"{name} ", "dim"), Piece(f"{number(value)} "))]
    missing = 1 - values.finite
    return (*line, Piece(f" {missing:.0%} not finite", "bad")) if missing > 0 else tuple(line)


def tokens_line(norms: Sequence[float], position: int, cells: int) -> Pieces:
    """The norms over the tokens of the prompt as bars."""
    return (Piece(f"{'over tokens':<{LABEL_CELLS}}", "dim"), *spark(norms, cells - LABEL_CELLS, position))


def layers_line(layers: Sequence[tuple[int, float]], layer: int | None, cells: int) -> Pieces:
    """The norms of the same part of every layer as bars."""
    numbers = [known for known, _ in layers]
    here = numbers.index(layer) if layer in numbers else None
    bars = spark([norm for _, norm in layers], cells - LABEL_CELLS, here)
    return (Piece(f"{'over layers':<{LABEL_CELLS}}", "dim"), *bars)


def nearest_line(
    nearest: Sequence[LensToken], cells: int, look: Look, *, brief: bool = False, stale: bool = False
) -> Pieces:
    """The tokens that the lens reads, with their probabilities, as many as fit; `stale` are those of another token.

    These stand until the right ones are there: to take them away, and to draw others on a blank line, would send twice
    as much.
    """
    line = [Piece(f"{'nearest …' if stale else 'nearest':<{LABEL_CELLS}}", "dim")]
    free = cells - LABEL_CELLS
    free = min(free, NEAREST_CELLS) if brief else free
    for place, token in enumerate(nearest):
        if place and token.probability < NEAR:
            break
        shown = text.clip(look.visible(token.text), 14)
        free -= text.width(shown) + 6
        if free < 0:
            break
        line += [Piece(f"{shown} "), Piece(f"{share(token.probability)}  ", "dim")]
    return tuple(line)


def step_line(step: StepPeeked, look: Look) -> Pieces:
    """A generated token, its norm, and the tokens nearest to it."""
    name = text.pad(look.visible(step.token.text), 12)
    nearest = (Piece(f"{look.visible(token.text)} {share(token.probability)}  ", "dim") for token in step.nearest)
    return (
        Piece(f"{step.index + 1:>3} ", "dim"),
        Piece(f"{name} "),
        Piece(f"norm {number(step.values.norm)}  "),
        *nearest,
    )


def names_of(line: Pieces) -> Pieces:
    """A line with blanks for its values: what is dim and has a letter stays, and the cursor on bars."""
    named = (piece.role == "key" or (piece.role == "dim" and any(map(str.isalpha, piece.text))) for piece in line)
    blank = (piece._replace(text=" " * text.width(piece.text)) for piece in line)
    return tuple(piece if name else empty for name, piece, empty in zip(named, line, blank, strict=True))


# Attention ------------------------------------------------------------------------------------------------------------


def columns_in(cells: int) -> int:
    """How many tokens the lines of heads have columns for."""
    return max((cells - HEAD_CELLS) // COLUMN, 1)


def window_of(position: int, cells: int) -> tuple[int, int]:
    """The last tokens up to a position that lines of heads have columns for: first and end."""
    return max(position + 1 - columns_in(cells), 0), position + 1


def keys_line(attention: AttentionRead, tokens: Sequence[Token], look: Look) -> Pieces:
    """The tokens above the columns."""
    first, end = attention.keys
    names = [text.pad(look.visible(token.text).lstrip("·~"), COLUMN - 1) for token in tokens[first:end]]
    return (Piece(" " * HEAD_CELLS), Piece("".join(f"{name} " for name in names), "dim"))


def attention_bar(probability: float) -> str:
    """The bar of a share of attention: that of its square root, as most are small."""
    return bar(math.nan if math.isnan(probability) else math.sqrt(max(probability, 0.0)))


def head_line(attention: AttentionRead, number: int, cells: int) -> Pieces:
    """A head's attention from the first of the queries, a bar a token, and how much is outside of the columns."""
    pattern = attention.patterns[number]
    row = pattern.rows[0] if pattern.rows else ()
    bars = "".join(f"{attention_bar(probability):<{COLUMN}}" for probability in row)
    outside = 1 - sum(row)
    note = f"{share(outside)} before" if attention.keys[0] > 0 and outside >= 0.005 else ""
    return padded((Piece(f"h{pattern.head}".ljust(HEAD_CELLS), "dim"), Piece(bars), Piece(f" {note}", "dim")), cells)


def attention_title(attention: AttentionRead, tokens: Sequence[Token], look: Look) -> str:
    """`attention from 9 ·of, a row a head`, and how many keys they share."""
    position = attention.queries[0]
    name = look.visible(tokens[position].text) if position < len(tokens) else ""
    shared = attention.key_heads and attention.key_heads != attention.heads
    keys = f", {attention.key_heads} of keys and values" if shared else ""
    return f"attention from {position} {name}: {attention.heads} heads{keys}"


def plain_values(peeked: Peeked, position: int) -> str:
    """The values as text to copy."""
    values = values_at(peeked, position)
    lines = [
        f"{peeked.module} at token {position}",
        f"shape\t{shape_text(peeked)}",
        *(f"{name}\t{shortest(getattr(values, name))}" for name in ("norm", "mean", "std", "max")),
        *(f"nearest\t{token.text}\t{token.probability:.3f}" for token in peeked.nearest),
    ]
    return "\n".join(lines)
