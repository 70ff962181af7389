"""What kinds of runs are kept, one row a kind; each is a module of its own here.

How a kind is written to files is a row of `results.writers.kinds`, how it is printed one of `commands.following`, and
how the interface shows it one of `tui.views.history.kinds` and, where it has a view or a page, of `tui.screens.kept`.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui.records import (
    CompareModels,
    ControlLayer,
    GeneratedToken,
    Interpret,
    Kept,
    LensToken,
    PatchActivations,
    RunTask,
    Steer,
)
from selfie_tui.results.run_kinds import comparisons, controls, patchings, readings, steerings
from selfie_tui.results.run_kinds.kind import RunKind, Words

KINDS: dict[type[RunTask], RunKind] = {
    Interpret: readings.KIND,
    PatchActivations: patchings.KIND,
    Steer: steerings.KIND,
    CompareModels: comparisons.KIND,
    ControlLayer: controls.KIND,
}
"""All kinds, by the type of their task."""

WORDS: dict[type[Kept], Words] = {type: words for kind in KINDS.values() for type, words in kind.words.items()}


def kind_of(task: RunTask) -> RunKind:
    """The kind of run that a task makes."""
    return KINDS[type(task)]


def said(value: Kept) -> str:
    """The words of a result, on one line where they are of several texts; "" of one without."""
    words = WORDS.get(type(value))
    return words.said(value) if words else ""


def tokens_of(value: Kept) -> Sequence[GeneratedToken | LensToken]:
    """The tokens of a result that come by the thousand."""
    words = WORDS.get(type(value))
    return words.tokens(value) if words else ()
