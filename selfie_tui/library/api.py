"""The library's front door: interpret cells of a prompt, or vectors of any origin, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui.engine.given import Facade, opened
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.library.cells import Layer, layers_given, positions_in
from selfie_tui.library.interpretation_prompt import Prompt, asked
from selfie_tui.library.notices import tell
from selfie_tui.library.requests import settings_of, text_of
from selfie_tui.library.results import Result, collect, decode_vectors
from selfie_tui.library.vectors import Vectors, stack_vectors
from selfie_tui.parse import parse_layers, parse_positions
from selfie_tui.records import EMBED, Cell, Request, Token

__all__ = ["NO_TOKEN", "Result", "collect", "interpret", "interpret_vectors", "vector_tokens"]

NO_TOKEN = -1
"""The vocabulary id of what stands in for a token where a vector was not read from one."""


def interpret(
    model: Model | Facade,
    prompt: str,
    *,
    layers: str | int | Sequence[Layer] = "all",
    tokens: str | int | Sequence[int] = "-1",
    preset: Prompt = "summarize",
    injection_layer: Layer = EMBED,
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    relevancy: bool = True,
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    stack: str = "",
) -> Result:
    """Interpret the residual states of `prompt` at every chosen layer and token (SelfIE, arXiv 2403.10949 §3).

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        prompt: the source prompt whose states are read.
        layers: such as `"embed,0-7"`, `"all"`, or one or more numbers; layer `l` is the output of block `l`, and the
            number -1 is `embed`.
        tokens: positions such as `"3,4"`, `"all"`, `"-1"` for the last, or one or more numbers.
        preset: an interpretation prompt: a preset or its name, or an `InterpretationPrompt`.
        injection_layer: where the vector is written over the placeholders.
        mode: `replace`, `blend`, `add`, `replace-norm`, `add-norm` or `unit`, with its `strength`.
        stack: of an encoder-decoder, whose states are read: `encoder`, or `decoder` for those of what it has written.

    Raises:
        SelfieError: for a request that the model cannot fulfil, saying what to change.
    """
    model, text = opened(model), text_of(prompt)
    tell(model, 2)
    source = source_tokens(model, text, stack)
    question, compat = asked(preset)
    count = len(model.anatomy.stack(stack).sites)
    chosen = parse_layers(layers, count) if isinstance(layers, str) else layers_given(layers)
    places = parse_positions(tokens, len(source)) if isinstance(tokens, str) else positions_in(source, tokens)
    request = Request(
        prompt=text,
        cells=tuple(Cell(layer, place) for place in places for layer in chosen),
        preset=question,
        compat=compat,
        relevancy=relevancy,
        random_control=random_control,
        stack=stack,
        **settings_of(
            {
                "injection_layer": injection_layer,
                "mode": mode,
                "strength": strength,
                "max_new_tokens": max_new_tokens,
                "temperature": temperature,
                "seed": seed,
            }
        ),
    )
    return collect(model, request)


def interpret_vectors(
    model: Model | Facade,
    vectors: Vectors,
    *,
    preset: Prompt = "summarize",
    injection_layer: Layer = EMBED,
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    relevancy: bool = True,
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Result:
    """Interpret vectors of any origin, `(n, hidden)` or a list of `(hidden,)`; the settings are those of `interpret`.

    An array, or numbers, of one dimension are one vector.

    Vector `i` has no place in a prompt: its record says the cell `(EMBED, i)` and the token `vector i`, of the id
    `NO_TOKEN`, and the result's prompt is empty.

    Raises:
        RequestError: for vectors that are not of the model's width or not finite, or settings that cannot be.
    """
    model = opened(model)
    tell(model, 2)
    stacked = stack_vectors(model, vectors)
    question, compat = asked(preset)
    tokens = vector_tokens(len(stacked))
    request = Request(
        prompt="",
        cells=tuple(Cell(EMBED, token.position) for token in tokens),
        preset=question,
        compat=compat,
        relevancy=relevancy,
        random_control=random_control,
        **settings_of(
            {
                "injection_layer": injection_layer,
                "mode": mode,
                "strength": strength,
                "max_new_tokens": max_new_tokens,
                "temperature": temperature,
                "seed": seed,
            }
        ),
    )
    return decode_vectors(model, request, stacked, tokens, prepare_target(model, request))


def vector_tokens(count: int) -> tuple[Token, ...]:
    """What stands in for the source tokens of vectors that were not read from any."""
    return tuple(Token(place, NO_TOKEN, f"vector {place}") for place in range(count))
