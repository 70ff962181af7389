"""The mean of a patching over pairs of prompts, without keeping more of them than sums."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import msgspec

from selfie_tui.records import PatchBegan, PatchedRun, PromptRun


class Means:
    """Sums over the pairs whose sites are those of the first one.

    A mean score is how far the mean of the metric goes from the mean of the targets to that of the sources, as
    `selfie_tui.activation_patch` has it; NaN where a pair lacks the site, or the two means are alike.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.others = 0
        """Pairs that have other sites, or prompts that are answered alike."""
        self._first: PatchBegan | None = None
        self._values: Counter[int] = Counter()
        self._counts: Counter[int] = Counter()
        self._ends = [0.0, 0.0]

    def add(self, began: PatchBegan, runs: Mapping[int, PatchedRun]) -> None:
        """Take up a pair that was patched."""
        if began.problem or (self._first is not None and began.sites != self._first.sites):
            self.others += 1
            return
        self._first = self._first or began
        self.pairs += 1
        self._ends[0] += began.clean.value
        self._ends[1] += began.corrupt.value
        for index, run in runs.items():
            self._values[index] += run.value  # type: ignore[assignment]
            self._counts[index] += 1

    def mean(self) -> tuple[PatchBegan, dict[int, PatchedRun]] | None:
        """The means as a patching of prompts without tokens; None without pairs."""
        if self._first is None:
            return None
        clean, corrupt = (each / self.pairs for each in self._ends)
        target, source = (clean, corrupt) if self._first.noise else (corrupt, clean)
        began = msgspec.structs.replace(self._first, clean=PromptRun((), clean, ()), corrupt=PromptRun((), corrupt, ()))
        runs = {}
        for index, count in self._counts.items():
            value = self._values[index] / count
            whole = count == self.pairs and source != target
            runs[index] = PatchedRun(index, (value - target) / (source - target) if whole else math.nan, value)
        return began, runs
