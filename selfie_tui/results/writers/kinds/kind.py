"""What is known of how a kind of run is written: facts, a table, sections of documents, what a script compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from selfie_tui.results.writers.columns import Table
from selfie_tui.results.writers.runs import KeptRun

Facts = Iterator[tuple[str, str]]
"""Facts with their names; those that there are none of are "". Unsafe to print as they are."""


class Written(NamedTuple):
    """How runs of a kind are written, each from the run with what it has of results."""

    asked: Callable[[KeptRun], Facts]
    """What was asked."""
    how_far: Callable[[KeptRun], str]
    """How much of a run is there: `12 of 90 cells`."""
    table: Table
    markdown: Callable[[KeptRun], Iterator[str]]
    """The lines of its results in Markdown."""
    page: Callable[[KeptRun], Iterator[str]]
    """The lines of its results in HTML."""
    remade: Callable[[KeptRun], Iterator[tuple[int, str | float]]]
    """What a script compares when it makes the run again: texts, or scores, by their index."""
