"""Activation patching: what is asked, and what its runs yield."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.data import LensToken, Token, TrackedToken
from selfie_tui.records.events import Event
from selfie_tui.records.tasks import Task

if TYPE_CHECKING:
    from selfie_tui.records.kept import Kept

BEGINNING, ATTRIBUTION, END = -1, -2, -3
"""The indices of `PatchBegan`, `AttributionFinished` and `PatchEnded` among the results of a run."""


class PatchedSite(Record, frozen=True):
    """Where values are written in a run: an activation by name, its layer, its positions in the prompt, and its head.

    `head` is None of an activation without heads, and where all are meant.
    """

    name: str
    layer: int
    positions: tuple[int, ...]
    head: int | None = None


class PatchedRun(Record, tag=True, frozen=True):
    """A patched run: its index in `PatchBegan.sites`, its score, the metric's number, the most probable tokens.

    A score is 0 where the run is as the target's own and 1 where it is as the source's; NaN where both are too near.
    """

    index: int
    score: float
    value: float
    top: tuple[LensToken, ...] = ()


class EarlierPatching(Record, frozen=True):
    """What patching that stopped has left: its name among all sessions, its attribution, the runs that were complete.

    `attribution` is empty where it had not come.
    """

    run: str
    attribution: tuple[float, ...] = ()
    runs: tuple[PatchedRun, ...] = ()

    @property
    def done(self) -> int:
        """How many results are there."""
        return len(self.runs)


class PatchActivations(Task, frozen=True):
    """Write a prompt's activations into the run of another, site by site, and score what becomes of the answer.

    Denoising writes those of the `clean` prompt into the run of the `corrupt` one, `noise` the other way round.
    `correct` and `wrong` are the answers' words (see `tracked_token`); `metric` is one of `logit_difference`,
    `logit`, `probability` and `kl`, the last of which needs none. `sites` are names such as `resid`, `attn`, `mlp`,
    `q`, `k`, `v`, `o`; `layers` are all if None; `kind` is how positions are taken, with `positions` those of a list,
    or one number, k of `lastk`. With `chosen` these sites alone are written, all in one run.

    With `attribution` the scores of all sites are first estimated from gradients, and the strongest are run first. `k`
    is the number of the most probable tokens that each run is shown with. With `earlier`, what was left of the same
    patching by one that stopped, only the other sites are run: in the batches that they would have been in.
    """

    clean: str
    corrupt: str
    correct: str
    wrong: str = ""
    sites: tuple[str, ...] = ("resid", "attn", "mlp")
    layers: tuple[int, ...] | None = None
    kind: str = "each"
    positions: tuple[int, ...] = ()
    chosen: tuple[PatchedSite, ...] = ()
    noise: bool = False
    metric: str = "logit_difference"
    attribution: bool = True
    k: int = 3
    earlier: EarlierPatching | None = None


class PromptRun(Record, frozen=True):
    """A prompt as it is: its tokens, the metric's number after it, and the most probable next tokens."""

    tokens: tuple[Token, ...]
    value: float
    top: tuple[LensToken, ...]


class PatchBegan(Event, kw_only=True, frozen=True):
    """Both prompts' own runs, and the sites that are to be scored: each of `sites` is written in a run of its own.

    `correct` and `wrong` are the tokens of the answers. With `problem` the two numbers are too near for scores.
    """

    clean: PromptRun
    corrupt: PromptRun
    sites: tuple[tuple[PatchedSite, ...], ...]
    correct: TrackedToken | None = None
    wrong: TrackedToken | None = None
    noise: bool = False
    metric: str = "logit_difference"
    problem: str = ""

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((BEGINNING, msgspec.structs.replace(self, job=0)),)


class AttributionFinished(Event, kw_only=True, frozen=True):
    """The scores of all sites to first order, in the order of `PatchBegan.sites`; NaN where there is none."""

    scores: tuple[float, ...]

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((ATTRIBUTION, msgspec.structs.replace(self, job=0)),)


class SitesPatched(Event, kw_only=True, frozen=True):
    """Some patched runs are complete."""

    runs: tuple[PatchedRun, ...]

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return tuple((run.index, run) for run in self.runs)


class PatchProgress(Event, kw_only=True, frozen=True):
    """How many of the sites have their score."""

    latest_by: ClassVar[str | None] = ""
    done: int
    sites: int


class PatchEnded(Event, kw_only=True, frozen=True):
    """All sites have their scores.

    `agreement` is the rank correlation (Spearman) of the attribution with the scores, None without an attribution, or
    where one of them is the same everywhere.
    """

    sites: int
    agreement: float | None = None

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((END, msgspec.structs.replace(self, job=0)),)
