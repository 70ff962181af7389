"""What `inspect` prints for people: trees, statistics with bars, attention from a token, two answers side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from selfie_tui.glyphs import bar
from selfie_tui.records import (
    AnswersSoFar,
    AttentionRead,
    Event,
    HeadPattern,
    LensToken,
    ModuleNode,
    ModulesRead,
    Peeked,
    StepPeeked,
    Token,
    Values,
    VectorKept,
    layer_name,
)
from selfie_tui.text import clip, pad, prose, visible

TOKEN_WIDTH = 14
MOST = 6
"""Keys of a head that are named."""


def lines_of(event: Event, tokens: Sequence[Token], find: str = "") -> Iterator[str]:
    """The lines of an event, without line ends; `tokens` are the prompt's, `find` picks modules of a tree."""
    match event:
        case ModulesRead():
            return (node_line(node) for node in event.nodes if find in f"{node.path} {node.kind}")
        case Peeked():
            return peeked_lines(event, tokens)
        case StepPeeked():
            return iter([step_line(event)])
        case AttentionRead():
            return attention_lines(event, tokens)
        case AnswersSoFar():
            return answer_lines(event)
        case VectorKept():
            kept = f"kept {prose(event.name)} · {event.width} wide · norm {event.norm:.4g}"
            return iter([f"{kept} · {prose(event.file)}"])
        case _:
            return iter(())


def node_line(node: ModuleNode) -> str:
    """A module: its path, class, shape or heads, parameters, and the module that it is like."""
    like = f"as {node.like}" if node.like else ""
    return f"{pad(node.path, 44)} {pad(node.kind, 24)} {pad(node.note, 14)} {in_millions(node.parameters):>9}  {like}"


def in_millions(count: int) -> str:
    """A number of parameters in as many digits as are worth reading; nothing for none."""
    if count < 10_000:
        return str(count or "")
    return f"{count / 1e3:.1f} k" if count < 1_000_000 else f"{count / 1e6:.1f} M"


def peeked_lines(event: Peeked, tokens: Sequence[Token]) -> Iterator[str]:
    """The values of a module's tensor."""
    shape = " × ".join(str(size) for size in event.shape)
    several = f" · one of {event.tensors} tensors" if event.tensors > 1 else ""
    calls = f" · one of {event.calls} calls" if event.calls > 1 else ""
    yield f"{event.module} · {shape} · {event.dtype}{several}{calls}"
    yield f"{'':{TOKEN_WIDTH + 5}}{HEADINGS}"
    yield f"{pad('all', TOKEN_WIDTH + 5)}{numbers(event.whole)}"
    largest = largest_of([each.norm for each in event.tokens])
    named = tokens if len(tokens) == len(event.tokens) else ()
    for position, values in enumerate(event.tokens):
        mark = "▌" if position == event.position else " "
        yield f"{mark}{token_name(named, position)}{numbers(values)}  {bar(share(values.norm, largest))}"
    if event.layers:
        most = largest_of([norm for _, norm in event.layers])
        first, last = layer_name(event.layers[0][0]), layer_name(event.layers[-1][0])
        yield f"norm over layers {first} to {last}: {''.join(bar(share(norm, most)) for _, norm in event.layers)}"
    if event.nearest:
        yield f"nearest by the lens: {nearest(event.nearest)}"


HEADINGS = f"{'norm':>10}{'mean':>10}{'std':>10}{'max':>10}{'finite':>8}"


def numbers(values: Values) -> str:
    """Statistics in columns."""
    columns = (values.norm, values.mean, values.std, values.max)
    return f"{''.join(f'{each:>10.4g}' for each in columns)}{values.finite:>8.0%}"


def step_line(event: StepPeeked) -> str:
    """The values at a generated token."""
    name = pad(clip(visible(event.token.text), TOKEN_WIDTH), TOKEN_WIDTH)
    return f" +{event.index:<3}{name}{numbers(event.values)}  {nearest(event.nearest[:3])}"


def attention_lines(event: AttentionRead, tokens: Sequence[Token]) -> Iterator[str]:
    """From one token a line a head; of one head a line a query."""
    groups = f" / {event.key_heads}" if event.key_heads and event.key_heads != event.heads else ""
    yield f"{event.path} · {layer_name(event.layer)} · {event.heads} heads{groups}"
    keys = () if event.cross else tokens
    first, end = event.queries
    for pattern in event.patterns:
        if end - first == 1:
            yield f"h{pattern.head:<4}{row(pattern.rows[0], event.keys[0], keys)}"
        else:
            yield from pattern_lines(pattern, event, tokens, keys)


def pattern_lines(
    pattern: HeadPattern, event: AttentionRead, tokens: Sequence[Token], keys: Sequence[Token]
) -> Iterator[str]:
    """The rows of a head."""
    yield f"h{pattern.head}"
    for query, probabilities in enumerate(pattern.rows, event.queries[0]):
        yield f" {token_name(tokens, query)}{row(probabilities, event.keys[0], keys)}"


def row(probabilities: Sequence[float], first: int, keys: Sequence[Token]) -> str:
    """The probabilities of the keys as bars, and the keys that get most."""
    best = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])[:MOST]
    names = [f"{token_name(keys, first + index).strip()} {probabilities[index]:.2f}" for index in best]
    named = "  ".join(name for name, index in zip(names, best, strict=True) if probabilities[index] >= 0.01)
    return f"{''.join(bar(each) for each in probabilities)}  {named}"


def answer_lines(event: AnswersSoFar) -> Iterator[str]:
    """Both answers, and where they part."""
    yield f"plain   {prose(''.join(token.text for token in event.plain))}"
    if event.edited or event.differs_from is not None:
        yield f"edited  {prose(''.join(token.text for token in event.edited))}"
        same = "the same tokens" if event.differs_from is None else f"differs from token {event.differs_from}"
        yield f"        {same}"


def token_name(tokens: Sequence[Token], position: int) -> str:
    """A token's position and text in a column; the position alone where the texts are not those of these tokens."""
    text = visible(tokens[position].text) if position < len(tokens) else ""
    return f"{position:>3} {pad(clip(text, TOKEN_WIDTH), TOKEN_WIDTH)}"


def nearest(tokens: Sequence[LensToken]) -> str:
    """Tokens of the lens with their probabilities."""
    return "  ".join(f"{visible(token.text)} {token.probability:.2f}" for token in tokens)


def largest_of(values: Sequence[float]) -> float:
    """The largest of some values that is finite, 0 without one."""
    return max((value for value in values if math.isfinite(value)), default=0.0)


def share(value: float, largest: float) -> float:
    """A value as a share of the largest one."""
    return value / largest if largest else 0.0 * value
