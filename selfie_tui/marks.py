"""The mark of an interpretation: one character that says what it is worth beside the control."""

from __future__ import annotations

from selfie_tui.records import Interpretation

SAYS_MORE, SAYS_NO_MORE, SAYS_NOTHING, FAR_NORM, NOT_READ = "+", "=", "∅", "^", "!"

MEANINGS = {
    SAYS_MORE: "says more than the control",
    SAYS_NO_MORE: "says no more than the control",
    SAYS_NOTHING: "says nothing",
    FAR_NORM: "says more than the control, of a state whose norm is far from its layer's",
    NOT_READ: "could not be read",
}
"""What each mark stands for, in words."""


def mark_of(interpretation: Interpretation) -> str:
    """The mark of an interpretation: that it failed or is empty above all, then whether it says more than the control.

    What the injection changed of its tokens must be more than the noise of the number format.
    """
    if interpretation.problem:
        return NOT_READ
    if interpretation.is_empty:
        return SAYS_NOTHING
    if interpretation.equals_control or interpretation.is_noise:
        return SAYS_NO_MORE
    return FAR_NORM if interpretation.is_far else SAYS_MORE


NORM = "norm of the state"


def norm_words(interpretation: Interpretation) -> str:
    """The norm of the state that was read, beside its layer's median where it is far from that."""
    norm = f"{NORM} {_number(interpretation.norm)}"
    if not interpretation.is_far or interpretation.layer_norm is None:
        return norm
    longer = interpretation.norm > interpretation.layer_norm
    kind = "likely an attention sink" if longer else "far shorter than the others"
    return f"{norm}, the layer's median {_number(interpretation.layer_norm)}: {kind}"


def _number(norm: float) -> str:
    return f"{norm:.4g}" if norm < 1000 else f"{norm:,.0f}"
