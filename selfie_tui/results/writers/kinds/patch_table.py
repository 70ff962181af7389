"""Patched sites as a table: a row for each that was run, or that has an attribution, with both prompts' own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from selfie_tui.patch_maps import sites_words
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    PromptRun,
    layer_name,
)
from selfie_tui.results.run_kinds.patchings import direction
from selfie_tui.results.writers.columns import SHARED, Column, Kind, Table, of_run
from selfie_tui.results.writers.runs import KeptRun


@dataclass(frozen=True)
class Row:
    """The sites that are written in one patched run, what came of it, and what it had been estimated to be."""

    run: KeptRun
    began: PatchBegan
    index: int
    sites: tuple[PatchedSite, ...]
    patched: PatchedRun | None
    attribution: float | None

    @property
    def site(self) -> PatchedSite | None:
        """The site, where it is one alone."""
        return self.sites[0] if len(self.sites) == 1 else None

    def tokens(self, prompt: PromptRun) -> list[str]:
        """The texts of a prompt's tokens at the positions of all sites; of the shorter prompt, counted from the end."""
        positions = dict.fromkeys(position for site in self.sites for position in site.positions)
        target = self.began.clean if self.began.noise else self.began.corrupt
        shift = len(prompt.tokens) - len(target.tokens)
        there = (position + shift for position in positions)
        return [prompt.tokens[each].text for each in there if 0 <= each < len(prompt.tokens)]


def began_of(run: KeptRun) -> PatchBegan | None:
    """How the patching began; None where it ended before both prompts had been run."""
    found = run.results.get(BEGINNING)
    return found if isinstance(found, PatchBegan) else None


def attribution_of(run: KeptRun) -> tuple[float, ...]:
    """The scores to first order; none where they were not asked for, or had not come."""
    found = run.results.get(ATTRIBUTION)
    return found.scores if isinstance(found, AttributionFinished) else ()


def agreement_of(run: KeptRun) -> float | None:
    """The rank correlation of attribution and scores; None where it is not known."""
    found = run.results.get(END)
    return found.agreement if isinstance(found, PatchEnded) else None


def rows(run: KeptRun) -> Iterator[Row]:
    """The rows of a run, in the order of its sites."""
    began, estimates = began_of(run), attribution_of(run)
    for index, sites in enumerate(began.sites if began else ()):
        found = run.results.get(index)
        patched = found if isinstance(found, PatchedRun) else None
        if began is not None and (patched or estimates):
            yield Row(run, began, index, sites, patched, estimates[index] if estimates else None)


def of_task(name: str, kind: Kind, value: Callable[[PatchActivations], Any]) -> Column:
    """A column of what was asked."""
    return of_run(name, kind, lambda run: value(run.began.task))  # type: ignore[arg-type]


def of_site(name: str, kind: Kind, value: Callable[[PatchedSite], Any]) -> Column:
    """A column of the site; None where several are written at once."""
    return Column(name, kind, lambda row: None if row.site is None else value(row.site))


def of_patched(name: str, kind: Kind, value: Callable[[PatchedRun], Any]) -> Column:
    """A column of the patched run; None where it was not run."""
    return Column(name, kind, lambda row: None if row.patched is None else value(row.patched))


COLUMNS: tuple[Column, ...] = (
    *SHARED,
    of_task("clean", "text", lambda task: task.clean),
    of_task("corrupt", "text", lambda task: task.corrupt),
    of_task("correct", "text", lambda task: task.correct),
    of_task("wrong", "text", lambda task: task.wrong),
    Column("correct_id", "integer", lambda row: row.began.correct.id if row.began.correct else None),
    Column("wrong_id", "integer", lambda row: row.began.wrong.id if row.began.wrong else None),
    of_task("metric", "text", lambda task: task.metric),
    of_task("noise", "switch", lambda task: task.noise),
    of_task("direction", "text", direction),
    of_task("position_kind", "text", lambda task: task.kind),
    Column("clean_value", "number", lambda row: row.began.clean.value),
    Column("corrupt_value", "number", lambda row: row.began.corrupt.value),
    Column("clean_answer", "text", lambda row: row.began.clean.top[0].text if row.began.clean.top else None),
    Column("corrupt_answer", "text", lambda row: row.began.corrupt.top[0].text if row.began.corrupt.top else None),
    Column("problem", "text", lambda row: row.began.problem),
    of_run("agreement", "number", agreement_of),
    Column("index", "integer", lambda row: row.index),
    Column("sites", "text", lambda row: sites_words(row.sites)),
    of_site("site", "text", lambda site: site.name),
    of_site("layer", "integer", lambda site: site.layer),
    of_site("layer_name", "text", lambda site: layer_name(site.layer)),
    of_site("positions", "integers", lambda site: list(site.positions)),
    of_site("head", "integer", lambda site: site.head),
    Column("clean_tokens", "texts", lambda row: row.tokens(row.began.clean)),
    Column("corrupt_tokens", "texts", lambda row: row.tokens(row.began.corrupt)),
    of_patched("score", "number", lambda patched: patched.score),
    of_patched("value", "number", lambda patched: patched.value),
    Column("attribution", "number", lambda row: row.attribution),
    of_patched("top", "texts", lambda patched: [token.text for token in patched.top]),
    of_patched("top_ids", "integers", lambda patched: [token.id for token in patched.top]),
    of_patched("probabilities", "numbers", lambda patched: [token.probability for token in patched.top]),
)
"""All of them; a score is 0 where the run is as the target's own and 1 where it is as the source's."""

TABLE = Table(COLUMNS, rows)
