"""What the next patching is to be like: which sites, which way, by which metric, at which positions."""

from __future__ import annotations

from typing import Literal, NamedTuple

from selfie_tui.records import PatchActivations

ORIGIN = "patch"
"""Who asks."""

Site = Literal["resid", "attn", "mlp", "heads"]
Head = Literal["q", "k", "v", "o"]
Kind = Literal["each", "last", "lastk", "all"]
MetricName = Literal["logit_difference", "probability", "kl"]

SITES: tuple[Site, ...] = ("resid", "attn", "mlp", "heads")
HEADS: tuple[Head, ...] = ("q", "k", "v", "o")
METRICS: dict[MetricName, str] = {"logit_difference": "logit difference", "probability": "probability", "kl": "KL"}
CHANGES: dict[str, str] = {"logit_difference": "Δlogit", "logit": "Δlogit", "probability": "Δp", "kl": "ΔKL"}
"""How a change of each metric's number is called."""

LAST = 4
"""How many of the last tokens `lastk` takes."""

KINDS: dict[Kind, str] = {
    "each": "each token",
    "last": "last token",
    "lastk": f"last {LAST} tokens",
    "all": "all tokens at once",
}
AT_THE_END: tuple[str, ...] = ("last", "lastk")
"""Kinds of positions for which the prompts need not have equally many tokens."""

OWN_NAMES = {"resid_post": "resid", "attn_out": "attn", "mlp_out": "mlp", "z": "o"}
"""Short names of activations that a run may have by their own names."""


class Choices(NamedTuple):
    """What can be chosen; an answer of "" is what the model itself says."""

    site: Site = "resid"
    head: Head = "q"
    noise: bool = False
    metric: MetricName = "logit_difference"
    kind: Kind = "each"
    correct: str = ""
    wrong: str = ""

    @property
    def name(self) -> str:
        """The name of the activation."""
        return self.head if self.site == "heads" else self.site

    @property
    def direction(self) -> str:
        """From which prompt into which: `A → B`."""
        return "B → A" if self.noise else "A → B"


class Prompts(NamedTuple):
    """A pair of prompts with the words that they are answered with, as a task has them."""

    clean: str
    corrupt: str
    correct: str = ""
    wrong: str = ""


def task_of(choices: Choices, prompts: Prompts, position: int, *, equal: bool) -> PatchActivations:
    """The task for all sites of the choices; heads are taken at one position, the last one in prompts of `equal` no
    length.
    """
    kind, positions = str(choices.kind), (LAST,) if choices.kind == "lastk" else ()
    if choices.site == "heads":
        kind, positions = ("custom", (position,)) if equal else ("last", ())
    compares = choices.metric == "logit_difference"
    return PatchActivations(
        clean=prompts.clean,
        corrupt=prompts.corrupt,
        correct="" if choices.metric == "kl" else prompts.correct,
        wrong=prompts.wrong if compares else "",
        sites=(choices.name,),
        kind=kind,
        positions=positions,
        noise=choices.noise,
        metric=choices.metric,
        origin=ORIGIN,
    )


def choices_of(task: PatchActivations) -> Choices:
    """The choices that ask for what a task asks, as far as there are such; of several sites the first."""
    named = [site.name for site in task.chosen] or task.sites or ("resid",)
    name = OWN_NAMES.get(named[0], named[0])
    return Choices(
        site="heads" if name in HEADS else name if name in SITES else "resid",
        head=name if name in HEADS else "q",
        noise=task.noise,
        metric=task.metric if task.metric in METRICS else "logit_difference",
        kind=task.kind if task.kind in KINDS else "each",
        correct=task.correct,
        wrong=task.wrong,
    )
