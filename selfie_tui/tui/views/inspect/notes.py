"""What stands behind a module in the tree: its edits, its values, or its size."""

from __future__ import annotations

from selfie_tui import text
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.views.inspect.edits_view import shown_edit
from selfie_tui.tui.views.inspect.inspection import Inspection
from selfie_tui.tui.views.inspect.sparks import count, shortest, spark
from selfie_tui.tui.views.inspect.value_lines import values_at

SPARK_CELLS = 16


def module_note(inspection: Inspection, path: str, look: Look, *, values: bool) -> Pieces:
    """The edits of a module, or with `values` those of the one that is looked at, or else its weight's shape.

    Of a module that is equal to one above it, its size is not said again.
    """
    edits = inspection.edits_of(path)
    if edits:
        return (Piece(look.prose(f"✎ {' · '.join(map(shown_edit, edits))}"), "accent"),)
    if values and path == inspection.path and inspection.peeked is not None:
        return _values(inspection)
    node = inspection.outline.module(path)
    size = "" if node.like else count(node.parameters)
    return (Piece(look.glyphs(text.prose(node.note)) or size, "dim"),)


def _values(inspection: Inspection) -> Pieces:
    peeked, position = inspection.peeked, inspection.state.selection.position
    if peeked is None:
        return ()
    norms = [values.norm for values in peeked.tokens]
    norm = shortest(values_at(peeked, position).norm)
    return (Piece(f"norm {norm:6}"), *spark(norms, SPARK_CELLS, position))
