"""Path patching: what one activation changes through others that it reaches directly, and through no other way.

A sender is given the source's values, and what it adds to the stream is passed on to chosen receivers alone (Wang et
al. 2022, arXiv 2211.00593 §3.1 and appendix B; Goldowsky-Dill et al. 2023, arXiv 2304.05969). Activation patching of
the sender takes all its ways to the answer together.

Every path has two rows beside the target's own. Its shadow has the sender's values of the source, and whatever else
is added to its stream is copied from the row that it shadows: so it is that row's run but for what the sender adds
itself. Its main row is a run of the target's tokens in which each receiver is as in the shadow.

    rows      target   shadow                           main
    sender    own      the source's                     own
    receiver  own      computed, then as the target's   as the shadow computed it
    others    own      as the target's                  computed

The shadow is the target's, so that receivers get what the sender tells them and nothing of each other (Wang's steps);
`onward` it is the main row's, so that a receiver also sees what earlier receivers change (all paths that begin with an
edge from the sender to a receiver, as Goldowsky-Dill has them). With one receiver the two are the same.

When it misleads: a direct path passes the norm before its receiver, which divides by the length of the whole stream,
so that the effects of several paths need not add up; and what a head holds by the source's run, with all others by the
target's, is a state that no text brings about (Zhang and Nanda 2024, arXiv 2309.16042).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from selfie_tui.engine.anatomy.locations import Activation
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.path_forward import PathForward, Ways
from selfie_tui.engine.patching.plain import TOKENS, TOKENS_ON_DEVICES, Outcome, PlainRuns, activations_of, read_values
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.sites import Intervention, PatchSite, check_sites
from selfie_tui.errors import RequestError

STREAMS = ("embed", "resid_pre", "resid_mid", "resid_post")
"""Activations that are the stream itself."""

PROJECTIONS = ("q", "k", "v", "cross_q", "cross_k", "cross_v")
"""Activations that add nothing to the stream themselves."""


@dataclass(frozen=True)
class Path:
    """The sites of a sender, which are given the source's values together, and those that receive what they add.

    With `to_logits` the final stream receives it too, at the last position: the sender's direct effect on the answer.
    """

    sender: Intervention
    receivers: Intervention = ()
    to_logits: bool = False


class PathRuns:
    """The runs of paths on a pair of prompts; see the module. `ways` says what is held on the way."""

    def __init__(
        self,
        model: Model,
        pair: PromptPair,
        paths: Sequence[Path],
        replacement: Replacement = PATCH,
        ways: Ways | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        check_paths(model, paths, len(pair.target))
        self.model, self.pair, self.interventions = model, pair, paths
        self.replacement, self.ways, self.cancelled = replacement, ways or Ways(), cancelled
        senders = [path.sender for path in paths]
        self.activations = activations_of(model, [*senders, *(path.receivers for path in paths)])
        self.ends = PlainRuns(model, pair, senders, replacement, cancelled)

    @property
    def target(self) -> SlicedLogits:
        """The target's own logits at the last position, `(1, vocabulary)`."""
        return self.ends.target

    @property
    def source(self) -> SlicedLogits:
        """The source's own logits at the last position, `(1, vocabulary)`."""
        return self.ends.source

    def outcomes(self, done: Collection[int] = ()) -> Iterator[Outcome]:
        """The outcomes of the paths: first of those that lead nowhere, then a batch at a time.

        A batch of which all indices are `done` is left out; the others are as they are without.
        """
        nowhere = tuple(index for index, path in enumerate(self.interventions) if not self.arrives(path))
        if any(index not in done for index in nowhere):
            yield Outcome(nowhere, None)
        left = set(nowhere)
        indices = [index for index in range(len(self.interventions)) if index not in left]
        for batch in self.batches(indices):
            if all(index in done for index in batch):
                continue
            paths = [self.interventions[index] for index in batch]
            forward = PathForward(self.model, self.activations, self.values, self.ways)
            for path in paths:
                forward.add(path.sender, path.receivers, path.to_logits)
            yield Outcome(tuple(batch), forward.logits(self.pair.target, self.cancelled))

    @cached_property
    def values(self) -> dict[PatchSite, torch.Tensor]:
        """What is written at the senders' sites, `(positions, width)` or `(positions, heads, head_dim)`."""
        return read_values(self.model, self.pair, self.ends.interventions, self.replacement, self.cancelled)

    def arrives(self, path: Path) -> bool:
        """Whether anything of the sender can reach a receiver."""
        at_the_end = path.to_logits and any(len(self.pair.target) - 1 in site.positions for site in path.sender)
        return at_the_end or any(self.reaches(site, receiver) for site in path.sender for receiver in path.receivers)

    def reaches(self, site: PatchSite, receiver: PatchSite) -> bool:
        """Whether a receiver comes later, at a position that what is sent moves to: attention alone moves it on."""
        one, other = self.activation(site), self.activation(receiver)
        later = max(place.order for place in other.locations) > min(place.order for place in one.locations)
        if other.name == "mlp_out":
            return later and not set(site.positions).isdisjoint(receiver.positions)
        return later and max(receiver.positions) >= min(site.positions)

    def activation(self, site: PatchSite) -> Activation:
        """The activation of a site."""
        return self.activations[site.name, site.layer]

    def batches(self, indices: Sequence[int]) -> Iterator[list[int]]:
        """Paths that are run together: at most so many tokens, a path at least."""
        tokens = TOKENS if self.model.device.type == "cpu" else TOKENS_ON_DEVICES
        rows = max(1, tokens // len(self.pair.target) - 1)
        batch: list[int] = []
        used = 0
        for index in indices:
            needed = 2 if self.interventions[index].receivers else 1
            if batch and used + needed > rows:
                yield batch
                batch, used = [], 0
            batch.append(index)
            used += needed
        if batch:
            yield batch


def check_paths(model: Model, paths: Sequence[Path], tokens: int) -> None:
    """Refuse senders that add nothing to the stream, receivers that are the stream, and what a model does not have.

    Raises:
        RequestError: saying what can be chosen.
    """
    if model.kind != "decoder":
        raise RequestError(
            f"{model.name} is an {model.kind}.", "Path patching takes a model that goes on writing a text."
        )
    check_sites(model, (site for path in paths for site in (*path.sender, *path.receivers)), tokens)
    for path in paths:
        if not path.sender or not (path.receivers or path.to_logits):
            raise RequestError("A path needs a sender and a receiver.", "Give both; the logits are a receiver too.")
        for site in path.sender:
            if site.activation(model).name in PROJECTIONS:
                raise RequestError(
                    f"{site.name} of layer {site.layer} adds nothing to the stream.",
                    "Choose a sender of o (a head), attn, mlp, resid or embed.",
                )
        for site in path.receivers:
            if site.activation(model).name in STREAMS:
                raise RequestError(
                    f"{site.name} of layer {site.layer} is the stream, which reads nothing.",
                    "Choose receivers of q, k, v, o, attn and mlp, or the logits.",
                )
