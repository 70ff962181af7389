"""The library's front door: interpret cells of a prompt, or vectors of any origin, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.inspecting.capture import find_tensor
from selfie_tui.engine.inspecting.tree import layer_around
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.library.arguments import Facade, as_model, as_module
from selfie_tui.library.cells import Layer, layer_numbers, positions_in
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.notices import warn_of_notices, warn_of_special_tokens
from selfie_tui.library.requests import make_request, prompt_text, settings_in
from selfie_tui.library.results import Result, collect, decode_vectors
from selfie_tui.library.vectors import Vectors, stack_vectors
from selfie_tui.parse import parse_layers, positions_among
from selfie_tui.records import EMBED, Cell, ModuleTensor, Token

__all__ = ["NO_TOKEN", "Result", "collect", "interpret", "interpret_vectors", "vector_tokens"]

NO_TOKEN = -1
"""The vocabulary id of the token that stands at a vector which was not read from a prompt."""


def interpret(
    model: Model | Facade,
    prompt: str,
    *,
    layers: str | int | Sequence[Layer] = "all",
    tokens: str | int | Sequence[int] = "-1",
    preset: Prompt = "summarize",
    injection_layer: Layer = "embed",
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    stop: str | Sequence[str] = (),
    relevancy: bool = True,
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    samples: int = 1,
    baselines: bool = True,
    system: bool = True,
    stack: str = "",
    compat: bool | str | None = False,
    module: str | ModuleTensor | None = None,
) -> Result:
    """Interpret the residual states of `prompt` at every chosen layer and token (SelfIE, arXiv 2403.10949 §3).

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        prompt: the source prompt whose states are read.
        layers: such as `"embed,0-7"`, `"all"`, or `"-1"` for the last, or one or more numbers or `"embed"`; layer `l`
            is the output of block `l`. A negative number that is no text is refused.
        tokens: positions such as `"3,4"`, `"all"` but special ones, `"-1"` for the last, or one or more numbers.
        preset: an interpretation prompt: a preset or its name, or an `InterpretationPrompt`.
        injection_layer: where the vector is written over the placeholders.
        mode: `replace`, `blend`, `add`, `replace-norm`, `add-norm` or `unit`, with its `strength`.
        max_new_tokens: length of an answer at most; of an encoder, the number of masks.
        stop: one or more texts at which an answer ends, before the text itself.
        relevancy: whether to measure what the injection changed of each token's probability.
        random_control: whether to decode a random direction of each vector's norm too.
        temperature: 0 is greedy; above, tokens are sampled, by `seed`.
        samples: texts to sample for each cell; the one that most of the others agree with is the cell's.
        baselines: whether the logit lens and the token's bare embedding are read beside each cell.
        system: whether a chat template keeps its own system text, such as "You are a helpful assistant".
        stack: of an encoder-decoder, whose states are read: `encoder`, or `decoder` for those of what it has written.
        compat: True or `"selfie"` for the positions that SelfIE and NNsight Selfie overwrite (see
            `InterpretationPrompt`).
        module: a module as wide as the stream, such as `"layers.5.mlp"`, whose output is read in place of the stream's
            states; `layers` are then left out of account.

    Raises:
        SelfieError: for a request that the model cannot fulfil, with what to change.
    """
    settings = settings_in(locals())
    model, text = as_model(model), prompt_text(prompt)
    warn_of_notices(model, 2)
    source = source_tokens(model, text, stack)
    count = len(model.anatomy.stack(stack).blocks)
    chosen = parse_layers(layers, count) if isinstance(layers, str) else layer_numbers(layers)
    positions = positions_among(tokens, source) if isinstance(tokens, str) else positions_in(source, tokens)
    warn_of_special_tokens(model, (source[position] for position in positions), 2)
    if module is not None:
        tensor = find_tensor(model, as_module(module)).tensor
        chosen = [layer_around(model, tensor.path)]
    cells = [Cell(layer, position) for position in positions for layer in chosen]
    request = make_request(text, cells, preset, settings)
    return collect(model, request if module is None else replace(request, module=tensor))


def interpret_vectors(
    model: Model | Facade,
    vectors: Vectors,
    *,
    preset: Prompt = "summarize",
    injection_layer: Layer = "embed",
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    stop: str | Sequence[str] = (),
    relevancy: bool = True,
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    samples: int = 1,
    baselines: bool = True,
    system: bool = True,
    compat: bool | str | None = False,
) -> Result:
    """Interpret vectors of any origin, `(n, hidden)` or a list of `(hidden,)`; the settings are those of `interpret`.

    An array, or numbers, of one dimension are one vector.

    Vector `i` has no cell in a prompt: its record has the cell `(EMBED, i)` and the token `vector i`, of the id
    `NO_TOKEN`, and the result's prompt is empty.

    Raises:
        RequestError: for vectors that are not of the model's width or not finite, or invalid settings.
    """
    settings = settings_in(locals())
    model = as_model(model)
    warn_of_notices(model, 2)
    stacked = stack_vectors(model, vectors)
    tokens = vector_tokens(len(stacked))
    request = make_request("", [Cell(EMBED, token.position) for token in tokens], preset, settings)
    return decode_vectors(model, request, CellStates(stacked), tokens, prepare_target(model, request))


def vector_tokens(count: int) -> tuple[Token, ...]:
    """Tokens that stand at vectors which were not read from a prompt."""
    return tuple(Token(index, NO_TOKEN, f"vector {index}") for index in range(count))
