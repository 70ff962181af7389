"""Interventions as rows of one batch, each of which joins it at its own layer and at its first position.

A patched run is the target's own run below its site's layer and before its site's position. So a forward runs over the
positions from a site's on, behind a cache of those before, with two rows at first: the target's and the source's. At
the entry of a layer the rows whose sites are there join as copies of the target's row, and at a site the source's
values of the same forward are written into them: none are kept. Behind the last block only the last position is read.

    rows      target  source | layer 2: a, b | layer 3: c
    L0 L1     ██████  ██████
    L2        ██████  ██████   █  █             a, b copy the target's stream at the entry of L2
    L3        ██████  ██████   █  █              █

Sites whose values are the same bits in both prompts are not run, nor those of the last layer that do not reach the
last position. What the MLP of a block adds last can as well be changed at the entry of the next one, by the difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.both_runs import SOURCE, TARGET, BothRuns, run_both
from selfie_tui.engine.patching.joined_forward import FIRST, JoinedForward, Row, Shared
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.plain import Outcome, activations_of
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.sites import Intervention, PatchSite

OWN_POSITION = ("resid_post", "resid_mid", "attn_out", "mlp_out", "z", "q")
"""Activations of the last layer that reach the logits of their own position alone."""

TOKENS = 1024
"""Tokens of one batch at most, on a processor."""

TOKENS_ON_DEVICES = 32 * TOKENS

OVERHEAD = 16
"""What a forward costs besides its rows, in tokens: weights are read from memory once for all."""


class JoinedRuns:
    """The interventions on one pair of prompts of one length."""

    def __init__(
        self,
        model: Model,
        pair: PromptPair,
        interventions: Sequence[Intervention],
        replacement: Replacement = PATCH,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self.model, self.pair, self.interventions = model, pair, interventions
        self.replacement, self.cancelled = replacement, cancelled
        self.activations = activations_of(model, interventions)

    @cached_property
    def both(self) -> BothRuns:
        """The forward over both prompts."""
        return run_both(self.model, self.pair, self.activations, self.cancelled)

    @property
    def target(self) -> SlicedLogits:
        """The target's own logits at the last position, `(1, vocabulary)`."""
        return self.both.of(TARGET)

    @property
    def source(self) -> SlicedLogits:
        """The source's own logits at the last position, `(1, vocabulary)`."""
        return self.both.of(SOURCE)

    def outcomes(self, done: Collection[int] = ()) -> Iterator[Outcome]:
        """The outcomes of all interventions: first of those that are not run, then a batch at a time.

        A batch of which all indices are `done` is left out; the others are as they are without.
        """
        left = tuple(index for index, sites in enumerate(self.interventions) if self.changes_nothing(sites))
        if any(index not in done for index in left):
            yield Outcome(left, None)
        unchanged = set(left)
        rows = [
            Row(index, sites, self.joining_layer(sites))
            for index, sites in enumerate(self.interventions)
            if index not in unchanged
        ]
        for batch in self.batches(rows):
            if any(row.index not in done for row in batch):
                yield self.run(batch)

    def changes_nothing(self, sites: Intervention) -> bool:
        """Whether the last position's logits are the target's own whatever is computed."""
        return all(self.is_equal(site) or self.is_unread(site) for site in sites)

    def is_equal(self, site: PatchSite) -> bool:
        """Whether what would be written is what is there."""
        if not self.replacement.copies:
            return False
        if max(site.positions) < self.pair.first_difference:
            return True
        equal = self.both.equal[site.name, site.layer][list(site.positions)]
        return bool(equal.all() if site.heads is None else equal[:, list(site.heads)].all())

    def is_unread(self, site: PatchSite) -> bool:
        """Whether nothing of a site reaches the last position."""
        last_layer, last = self.model.layers - 1, len(self.pair.target) - 1
        name = self.activations[site.name, site.layer].name
        return site.layer == last_layer and name in OWN_POSITION and max(site.positions) < last

    def joining_layer(self, sites: Intervention) -> int:
        """The first layer that has to be run for an intervention."""
        (site, *others) = sites
        return site.layer + 1 if not others and self.is_written_behind(site) else min(each.layer for each in sites)

    def is_written_behind(self, site: PatchSite) -> bool:
        """Whether a site can as well be written into the stream that leaves its block."""
        name = self.activations[site.name, site.layer].name
        block = self.model.sublayers[-1].blocks[site.layer]
        return name == "resid_post" or (name == "mlp_out" and block.adds and block.parts[-1].kind == "mlp")

    def batches(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Rows that are run together: of near first positions, at most so many tokens."""
        tokens, length = TOKENS if self.model.device.type == "cpu" else TOKENS_ON_DEVICES, len(self.pair.target)
        for group in grouped(rows, length, self.model.layers):
            size = max(1, tokens // (length - min(row.first for row in group)) - FIRST)
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def run(self, rows: Sequence[Row]) -> Outcome:
        """One forward, over the positions from the first that is written on."""
        ordered = sorted(rows, key=lambda row: row.layer)
        shared = Shared(self.model, self.pair, self.activations, self.both, self.replacement, self.cancelled)
        states = JoinedForward(shared, ordered, min(row.first for row in ordered)).last_states()
        unembedding = self.model.unembedding()
        assert unembedding is not None
        with self.model.inference(self.cancelled):
            inputs = unembedding.head_inputs(states.unsqueeze(0))[0]
        return Outcome(tuple(row.index for row in ordered), SlicedLogits(inputs, unembedding))


def grouped(rows: Sequence[Row], length: int, layers: int) -> list[list[Row]]:
    """Rows by their first positions, in groups as wide as makes the least work, in the order of their first row."""

    def groups(width: int) -> list[list[Row]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            found[(length - 1 - row.first) // width].append(row)
        return list(found.values())

    def work(group: list[Row]) -> int:
        positions = length - min(row.first for row in group)
        return layers * (OVERHEAD + FIRST * positions) + positions * sum(layers - row.layer for row in group)

    widths = [2**power for power in range(length.bit_length())]
    return min(map(groups, widths), key=lambda found: sum(map(work, found)))
