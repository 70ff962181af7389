"""What `control` prints for people: where a layer stands, what became of it, and of the prompts that were retained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from selfie_tui.records import LayerControlBegan, LayerControlled, LayerState, Retained, layer_name
from selfie_tui.text import clip, pad, prose, visible

WIDTH = 44
"""Cells of a prompt in a table."""


def began_lines(event: LayerControlBegan) -> Iterator[str]:
    """The layer, how far the target is, and what the cells and the answers say before."""
    tokens = " ".join(f"{token.position}:{visible(token.text)}" for token in event.tokens)
    yield f"{layer_name(event.layer)} {prose(event.module)} · {event.parameters:,} weights, copied · at {tokens}"
    yield f"target {event.distance:.3g} away, of states {event.norm:.3g} long"
    if event.control is not None:
        yield f"control   {prose(event.control.text)}"
    yield from state_lines("before", event.before)


def controlled_lines(event: LayerControlled) -> Iterator[str]:
    """What the cells and the answers say after, and what became of other prompts."""
    yield from state_lines("after", event.after)
    yield (
        f"{event.distance:.1%} of the way left · weights moved by {event.changed:.1%} of their norm · "
        f"retained states by {event.drift:.1%} of theirs"
    )
    for name, chosen in (("retained", False), ("held out", True)):
        yield from retained_lines(name, [each for each in event.retained if each.held_out is chosen])
    if event.file:
        yield f"kept {prose(event.file)}"


def state_lines(when: str, state: LayerState) -> Iterator[str]:
    """What cells read as and what is answered, with when."""
    for each in state.interpretations:
        yield f"{pad(when, 9)} {pad(f'reads {each.token.position}', WIDTH)} {prose(each.text.strip())}"
    for answer in state.answers:
        yield f"{pad(when, 9)} {pad(clip(prose(answer.prompt), WIDTH), WIDTH)} {prose(answer.text)}"


def retained_lines(name: str, prompts: Sequence[Retained]) -> Iterator[str]:
    """Means over prompts that were not to change, and those whose next token did."""
    if not prompts:
        return
    positions = sum(each.positions for each in prompts)
    agreement = sum(each.agreement * each.positions for each in prompts) / positions
    kl = sum(each.kl * each.positions for each in prompts) / positions
    losses = [(each.loss_before, each.loss_after) for each in prompts]
    told = [(one, other) for one, other in losses if one is not None and other is not None]
    loss = f" · loss {fmean(one for one, _ in told):.3f} → {fmean(other for _, other in told):.3f}" if told else ""
    worst = max(each.worst for each in prompts)
    yield (
        f"{name}  {len(prompts)} prompts, {positions} positions: {agreement:.1%} the same next token · "
        f"KL {kl:.2g}, at most {worst:.2g}{loss}"
    )
    for each in prompts:
        if each.next_before != each.next_after:
            words = f"{visible(each.next_before)} → {visible(each.next_after)}"
            yield f"          {pad(clip(prose(each.prompt), WIDTH), WIDTH)} {words}"
