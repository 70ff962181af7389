"""A patching as the view knows it: what was asked, and what has come of it so far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from selfie_tui.ranks import rank_correlation
from selfie_tui.records import (
    AttributionFinished,
    EarlierPatching,
    Event,
    Kept,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    PromptRun,
    SitesPatched,
)
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.views.patch.choices import OWN_NAMES

State = Literal["waiting", "running", "finished", "cancelled", "failed"]

Place = tuple[str, int, int, int | None]
"""The short name of an activation, its layer, its position in the corrupt prompt, its head."""


class Patching:
    """The sites of a task, their attributions and scores as they come.

    `origin` is when a stored one was made, `kept_as` its name among all sessions.
    """

    def __init__(self, task: PatchActivations, job: int = 0, origin: str = "", kept_as: str = "") -> None:
        self.task, self.job, self.origin, self.kept_as = task, job, origin, kept_as
        self.state: State = "waiting"
        self.began: PatchBegan | None = None
        self.estimates: tuple[float, ...] = ()
        self.runs: dict[int, PatchedRun] = {}
        self.read_back: RunBegan | None = None
        """How one began that was read back from a session."""
        self.problem = ""
        """Why it failed."""
        self.since = 0.0
        """When, by the clock of the state, it began to run."""
        self.done_before = 0
        """How many sites had their score then."""
        self.cursor_placed: Literal["", "estimated", "run"] = ""
        """By what the cursor has been put on its strongest site."""
        self._places: dict[Place, int] = {}
        self._heads: dict[str, int] = {}
        self._agreement: tuple[int, float | None] = (0, None)

    def take(self, event: Event) -> set[int]:
        """Take what the engine yields; the indices of sites that have changed, of which -1 stands for all."""
        match event:
            case PatchBegan():
                self.began = event
                self._find_places(event)
                return {-1}
            case AttributionFinished():
                self.estimates = event.scores
                return {-1}
            case SitesPatched():
                self.runs |= {run.index: run for run in event.runs}
                return {run.index for run in event.runs}
            case PatchEnded():
                self.state = "finished"
        return set()

    def results(self) -> dict[int, Kept]:
        """What has come of it, as a session keeps it."""
        found: dict[int, Kept] = {}
        if self.began is not None:
            found |= self.began.results()
        if self.estimates:
            found |= AttributionFinished(scores=self.estimates).results()
        found |= sorted(self.runs.items())
        if self.state == "finished" and self.is_whole:
            found |= PatchEnded(sites=self.sites, agreement=self.agreement()).results()
        return found

    def earlier(self, kept_as: str) -> EarlierPatching:
        """What this has left for another to go on with; `kept_as` is its name among all sessions."""
        return EarlierPatching(kept_as, self.estimates, tuple(run for _, run in sorted(self.runs.items())))

    def follow(self, stopped: Patching) -> None:
        """Have what another one has left."""
        if stopped.began is not None:
            self.take(stopped.began)
        self.estimates, self.runs = stopped.estimates, dict(stopped.runs)
        self.done_before, self.cursor_placed = self.done, stopped.cursor_placed

    def _find_places(self, began: PatchBegan) -> None:
        shift = len(began.corrupt.tokens) - len(self.target.tokens) if self.target else 0
        self._places.clear()
        for index, sites in enumerate(began.sites):
            for site in sites if len(sites) == 1 else ():
                name = OWN_NAMES.get(site.name, site.name)
                if site.head is not None:
                    self._heads[name] = max(self._heads.get(name, 0), site.head + 1)
                for position in site.positions:
                    self._places[name, site.layer, position + shift, site.head] = index

    # What is known ---------------------------------------------------------------------------------------------------

    @property
    def target(self) -> PromptRun | None:
        """The prompt into whose run values are written, as it is."""
        return None if self.began is None else self.began.clean if self.began.noise else self.began.corrupt

    @property
    def sites(self) -> int:
        """How many sites are to be scored; 0 while that is not known."""
        return len(self.began.sites) if self.began else 0

    @property
    def done(self) -> int:
        """How many of them have a score."""
        return len(self.runs)

    def description(self) -> str:
        """How it stands, in a few words: `48 sites`, `cancelled · 12 of 48`; of a stored one, from when it is."""
        sites = f"{self.sites:,} {'site' if self.sites == 1 else 'sites'}"
        said = sites if self.state == "finished" else f"{self.state} · {self.done:,} of {sites}"
        return f"{said} · {self.origin}" if self.origin else said

    @property
    def goes_on(self) -> bool:
        """Whether it is under way, or waits."""
        return self.state in ("waiting", "running")

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to run."""
        return self.began is not None and self.done == self.sites

    def index(self, name: str, layer: int, position: int, head: int | None = None) -> int | None:
        """The run in which a place is written; None where it is in none."""
        return self._places.get((name, layer, position, head))

    def site(self, index: int) -> PatchedSite | None:
        """The only site of a run; None where it has several."""
        sites = self.began.sites[index] if self.began else ()
        return sites[0] if len(sites) == 1 else None

    def heads(self, name: str) -> int:
        """How many heads an activation has, at most of all layers; 0 while that is not known."""
        return self._heads.get(name, 0)

    def has_name(self, name: str) -> bool:
        """Whether an activation of this name is written anywhere."""
        return any(place[0] == name for place in self._places)

    def has_position(self, name: str, position: int) -> bool:
        """Whether heads of this name are written at a position."""
        return any(place[0] == name and place[2] == position for place in self._places)

    def places(self, indices: Iterable[int]) -> set[Place]:
        """The places of some runs."""
        wanted = set(indices)
        return {place for place, index in self._places.items() if index in wanted}

    def estimate(self, index: int) -> float | None:
        """The score of a run to first order; None while it is not known, or where none is made."""
        return self.estimates[index] if index < len(self.estimates) else None

    def change(self, index: int) -> float:
        """By how much a run's number is another than the target's own; NaN where it is not known."""
        run, target = self.runs.get(index), self.target
        return math.nan if run is None or target is None else run.value - target.value

    def agreement(self) -> float | None:
        """The rank correlation of the attribution with the scores so far; None where there is none."""
        if self._agreement[0] != self.done:
            known = [index for index in sorted(self.runs) if index < len(self.estimates)]
            ranked = [self.estimates[index] for index in known], [self.runs[index].score for index in known]
            self._agreement = self.done, rank_correlation(*ranked)
        return self._agreement[1]
