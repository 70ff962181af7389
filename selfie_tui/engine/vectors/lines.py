"""Lines over vectors that were kept or are in files, computed."""

from __future__ import annotations

from selfie_tui.engine.vectors.arithmetic import evaluate_line
from selfie_tui.engine.vectors.files import open_vector
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.kept_vectors import kept_names
from selfie_tui.vector_line import Name


def line_value(line: str) -> Vector:
    """What a line is, its names those that were kept, or files.

    Raises:
        RequestError: for a line that cannot be read or computed, and a vector that is not there.
    """

    def lookup(name: Name) -> Vector:
        return open_vector(name.name, name.layer, name.index)

    return evaluate_line(line, kept_names(), lookup)
