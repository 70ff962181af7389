"""What `vectors` and `steer` print for people: lists, comparisons, directions, answers side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfie_tui.records import (
    DirectionsFound,
    KeptEntry,
    LensToken,
    SteeredSoFar,
    VectorKept,
    VectorLooks,
    VectorsCompared,
    layer_name,
)
from selfie_tui.text import clip, pad, prose, visible

NAME_WIDTH = 24


def layers_words(layers: Sequence[int]) -> str:
    """Layers in a few cells: `L12`, `L8–14`, `–` of no layer."""
    if not layers:
        return "–"
    if len(layers) == 1:
        return layer_name(layers[0])
    if list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"{layer_name(layers[0])}–{layers[-1]}"
    return ",".join(map(layer_name, layers))


def entry_line(entry: KeptEntry, width: int) -> str:
    """A kept vector: name, layers, norm, width, the model, and what it is made of."""
    if entry.problem:
        return clip(f"{pad(prose(entry.name), NAME_WIDTH)} {entry.problem}", width)
    norm = "" if entry.norm is None else f"{entry.norm:.4g}"
    origin = entry.origin
    model = prose(origin.model.title) if origin and origin.model else ""
    edited = " ✎" if entry.edited else ""
    made = prose(origin.made_of) if origin else "of another program"
    head = f"{pad(prose(entry.name), NAME_WIDTH)} {pad(layers_words(entry.layers), 8)} {norm:>8} {entry.width:>6}"
    return clip(f"{head}  {pad(clip(model + edited, 20), 20)} {made}", width).rstrip()


def kept_line(kept: VectorKept) -> str:
    """A vector that was computed and, if it has a file, kept."""
    name = f"kept {prose(kept.name)}" if kept.file else prose(kept.name)
    facts = f"{name} · {layers_words(kept.layers)} · {kept.width} wide · norm {kept.norm:.4g}"
    return f"{facts} · {prose(kept.file)}" if kept.file else facts


def comparison_lines(event: VectorsCompared) -> Iterator[str]:
    """Each vector with its tokens, and the table of cosines where there are several."""
    for number, vector in enumerate(event.vectors, 1):
        yield f"{number:2} {pad(prose(vector.line), NAME_WIDTH)} {looks(vector)}"
        yield f"   {'nearest':{NAME_WIDTH}} {tokens_words(vector.nearest)}"
        yield f"   {'farthest':{NAME_WIDTH}} {tokens_words(vector.farthest)}"
        for notice in vector.notices:
            yield f"   {notice}"
    if len(event.vectors) > 1:
        numbers = "".join(f"{number:>7}" for number in range(1, len(event.vectors) + 1))
        yield f"{pad('cosines' + (', centred' if event.centred else ''), NAME_WIDTH + 3)}{numbers}"
        for number, vector in enumerate(event.vectors, 1):
            cosines = "".join(f"{cosine:7.2f}" for cosine in vector.cosines)
            yield f"{number:2} {pad(prose(vector.line), NAME_WIDTH)}{cosines}"


def looks(vector: VectorLooks) -> str:
    """Layers, width and norm of a vector."""
    edited = " · of an edited model" if vector.edited else ""
    return f"{layers_words(vector.layers)} · {vector.width} wide · norm {vector.norm:.4g}{edited}"


def tokens_words(tokens: Sequence[LensToken]) -> str:
    """Tokens with their probabilities."""
    return "  ".join(f"{visible(token.text)} {token.probability:.2f}" for token in tokens)


def direction_lines(event: DirectionsFound) -> Iterator[str]:
    """Directions of a file, one a line."""
    yield f"{prose(event.file)} · {event.count:,} directions · {event.width} wide"
    for each in event.directions:
        cosine = "" if each.cosine is None else f"  cosine {each.cosine:.2f}"
        share = "" if each.probability is None else f"  word {each.probability:.3f}"
        yield f"{each.index:>8}  norm {each.norm:<8.4g}{cosine}{share}  {tokens_words(each.nearest)}"


def steered_lines(event: SteeredSoFar) -> Iterator[str]:
    """The plain answer and one for each strength, with where it parts and how far states were moved."""
    yield f"plain     {odds(event.log_odds)}{prose(''.join(token.text for token in event.plain))}"
    for each in event.steered:
        text = prose("".join(token.text for token in each.tokens))
        same = "the same tokens" if each.differs_from is None else f"differs from token {each.differs_from}"
        yield f"{each.strength:<9g} {odds(each.log_odds)}{text}"
        yield f"          {same} · states moved by {each.added:.2f} of their norm"


def odds(value: float | None) -> str:
    """Log odds in front of an answer, nothing where they were not asked for."""
    return "" if value is None else f"{value:+6.2f}  "
