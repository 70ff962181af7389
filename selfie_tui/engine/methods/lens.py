"""The logit lens: what each layer's residual state says when the model's own norm and head read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from selfie_tui.engine.given import Facade, listed, opened, whole
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.prompts.source import check_length, source_of
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.parse import from_end
from selfie_tui.records import EMBED, Cell, Event, LensRead, LensRow, LensToken, ReadLens


def logit_lens(
    model: Model | Facade,
    ids: str | Sequence[int],
    position: int,
    layers: Sequence[int] | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
    stack: str = "",
) -> tuple[LensRow, ...]:
    """The `k` top tokens, entropy and the rank of the model's own answer, by layer, at one position.

    The model's own answer is what the lens of the last layer says there. With a `prefix` (see `Model.read`) the layers
    and the position are the decoder's.

    Args:
        ids: a prompt as text, or as token ids, special tokens included.
        position: a negative one counts from the end; the rows say which one it is.
        layers: `l` is the output of block `l`, -1 the input of block 0; all of them if None.
        stack: of an encoder-decoder, `encoder` or `decoder`; for a text's decoder it begins with the answer of a chat
            turn, for ids without a `prefix` with its start alone.

    Raises:
        PromptError: for a prompt that is empty, too long, or of ids that the model does not have.
        RequestError: for a position or a layer that is not there, or an argument that is not what it should be.
    """
    model = opened(model)
    read, written = prompt_given(model, ids, prefix, stack)
    place = from_end(whole(position, "token position"), len(read if written is None else written), "token")
    chosen = model.anatomy.main if written is None else model.anatomy.last
    last = len(chosen.sites) - 1
    wanted = (
        list(range(EMBED, last + 1)) if layers is None else [whole(each, "layer") for each in listed(layers, "layer")]
    )
    if not wanted or whole(k, "number of tokens") < 1:
        raise RequestError("There is nothing to show.", "Ask for at least one layer and one token of each.")
    states = model.read(read, sorted({*wanted, last}), [place], prefix=written)
    logits = lens_logits(model, torch.cat([states[layer].to(model.device) for layer in [*wanted, last]]), chosen.name)
    answer = int(logits[-1].argmax())
    return tuple(
        lens_row(model, Cell(layer, place), row, answer, k) for layer, row in zip(wanted, logits[:-1], strict=True)
    )


def prompt_given(
    model: Model, prompt: str | Sequence[int], prefix: Sequence[int] | None, stack: str
) -> tuple[list[int], list[int] | None]:
    """The ids that the model reads and, where the decoder of an encoder-decoder is meant, those that it has written.

    Raises:
        PromptError: for a prompt that is empty, too long, or of ids that the model does not have.
        RequestError: if the model has no such stack, or has no decoder apart for the prefix.
    """
    decoder = model.anatomy.stack(stack) is not model.anatomy.main
    if prefix is not None and model.kind != "encoder-decoder":
        raise RequestError(f"{model.name} is no encoder-decoder, so it takes no prefix.", "Put all ids into one list.")
    if isinstance(prompt, str):
        source = source_of(model, prompt, stack)
        read, begun = list(source.ids), source.prefix
    else:
        read, begun = ids_given(model, prompt), model.feed.start if decoder else None
    written = None if begun is None and prefix is None else ids_given(model, begun if prefix is None else prefix)
    check_length(model, len(read), model.context)
    check_length(model, len(written or ()), model.output_context)
    return read, written


def ids_given(model: Model, given: object) -> list[int]:
    """Token ids as a list; raises PromptError if there are none, and RequestError for what is no id of the model's."""
    ids = [whole(each, "token id") for each in listed(given, "token id")]
    if not ids:
        raise PromptError("There are no token ids.", "Give a text, or the input_ids of one.")
    if unknown := [each for each in ids if not 0 <= each < model.num_embeddings]:
        raise RequestError(
            f"{unknown[0]} is no token id of {model.name}.",
            f"Use 0 to {model.num_embeddings - 1}, as its own tokenizer gives them.",
        )
    return ids


def lens_row(model: Model, cell: Cell, logits: torch.Tensor, answer: int, k: int) -> LensRow:
    """One cell's lens from its logits `(vocabulary,)`."""
    log_probabilities = logits.log_softmax(-1)
    probabilities = log_probabilities.exp()
    top = probabilities.topk(min(k, probabilities.shape[-1]))
    return LensRow(
        cell=cell,
        top=tuple(
            LensToken(text, probability)
            for text, probability in zip(
                (token_texts(model.tokenizer, [token])[0] for token in top.indices.tolist()),
                top.values.tolist(),
                strict=True,
            )
        ),
        entropy=float(-(probabilities * log_probabilities).nan_to_num().sum()),
        answer_rank=int((logits > logits[answer]).sum()),
    )


def run(model: Model, task: ReadLens, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `ReadLens` task: one `LensRead`; raises as `logit_lens`."""
    source = source_of(model, task.prompt, task.stack)
    check_position(source.tokens, task.position)
    rows = logit_lens(model, source.ids, task.position, k=task.k, prefix=source.prefix)
    yield LensRead(prompt=task.prompt, position=task.position, rows=rows, stack=task.stack)


RUNS = {ReadLens: run}
