"""Two models over the same cells: where a change of weights, of number format or of training changes what is read.

Each cell is read by both models, by the lens and, where it is asked for, in words. Of models with one vocabulary the
whole distributions are compared: KL(one || other) of the next token, and at every cell the Jensen-Shannon divergence of
what the lens reads. A state of the one can also be read by the other through an affine map between their spaces, which
is fitted on given text: a Patchscope across models (Ghandeharioun et al. 2024, arXiv 2401.06102 §3).

When it misleads: texts are decoded greedily, so that rounding alone changes words: what two number formats of one model
differ by is the noise to measure differences against. Each model reads its own states, so that words differ where the
readers do, be the states the same: the lens, or a map, says whether these are. The lens reads early layers with a head
that is not made for them, in each model in its own way, so that a large divergence there need not mean that the states
hold other things. Layers are set beside each other by depth; nothing says that two models do the same at the same
depth. A map explains what can be predicted linearly over the texts that it was fitted on: a part of that is the token
itself and the mean state, which is what the map of shuffled pairs is there for, and what the other model then says it
may know by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from selfie_tui.engine.comparing.going_on import lens_indices, lenses_there, map_indices, maps_there, results_of
from selfie_tui.engine.comparing.lenses import at, compare_lenses, states_of
from selfie_tui.engine.comparing.mapped import (
    PairedTexts,
    as_record,
    as_vectors,
    fit_maps,
    map_states,
    mapped_cells,
    pair_texts,
)
from selfie_tui.engine.comparing.pairing import PairedPrompt, pair_layers, pair_prompt, shared_vocabulary
from selfie_tui.engine.comparing.readings import (
    Results,
    compare_readings,
    earlier_words,
    followed,
    request_for_other,
    request_of,
)
from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.methods.interpret import earlier_results, interpret, interpret_vectors
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.prepare import prepare, prepare_target
from selfie_tui.errors import RequestError
from selfie_tui.records import (
    OTHER_CONTROL,
    CellsCompared,
    CellsMapped,
    ComparedCell,
    CompareModels,
    ComparisonBegan,
    ComparisonParts,
    ComparisonProgress,
    Event,
    Interpretation,
    MappedReading,
    ReadingsMapped,
    Request,
)


def run(model: Model, other: Model, task: CompareModels, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `CompareModels` task with the other model that it names; what cannot be done is refused before any forward.

    Results of an `earlier` comparison come first, as they were; what of it is taken over says `comparing.going_on`.

    Raises:
        PromptError: for a prompt that is empty or too long, and one that the models split differently at a position
            that is asked for, with both tokenisations.
        RequestError: for layers, positions or settings that a model does not have, too few texts for a map, and an
            earlier comparison of another model or of other cells.
        Cancelled: before any block, once `cancelled` gives true; both models are then as they were.
    """
    if not task.positions:
        raise RequestError("No token is chosen.", "Choose at least one.")
    paired = pair_prompt(model, other, task.prompt, task.stack)
    for position in task.positions:
        check_position(paired.here.tokens, position)
    layers = pair_layers(model, other, task.layers, task.other_layers, task.stack)
    positions = tuple(zip(task.positions, paired.partners(model, other, task.positions), strict=True))
    pairs = [at(layer, position) for position in positions for layer in layers]
    request = None if task.request is None else request_of(task.request, task.prompt, pairs, task.stack)
    if request is not None:
        check_request(model, other, request, request_for_other(request, pairs, model, other))
    texts = paired_texts(model, other, task) if task.texts else None
    vocabulary = shared_vocabulary(model, other)
    began = ComparisonBegan(
        prompt=task.prompt,
        model=model.info(),
        other=other.info(),
        tokens=tuple(paired.here.tokens[here] for here, _ in positions),
        other_tokens=tuple(paired.there.tokens[there] for _, there in positions),
        layers=layers,
        same_vocabulary=bool(vocabulary),
        stack=task.stack,
        parts=ComparisonParts(len(positions), len(layers), request is not None, texts is not None),
    )
    earlier = results_of(task, began)
    yield began
    if (there := lenses_there(began.parts, earlier)) is not None:
        yield there
    else:
        lenses = compare_lenses(model, other, paired, positions, layers, vocabulary, task.k, task.stack, cancelled)
        yield from compared_cells(began.parts, lenses)
    if request is not None:
        yield from compare_readings(
            model,
            other,
            request,
            pairs,
            lambda each, asked, before: interpret(each, asked, cancelled, before),
            began.parts,
            earlier,
        )
    if texts is not None:
        asked = None if request is None else request_for_other(request, pairs, model, other)
        yield from read_mapped(
            model, other, task.k, paired, positions, layers, texts, asked, began.parts, earlier, cancelled
        )


def compared_cells(
    parts: ComparisonParts, lenses: Iterator[tuple[tuple[ComparedCell, ...], tuple[ComparedCell, ...]]]
) -> Iterator[CellsCompared]:
    """Lenses block by block, with where they are kept."""
    done = 0
    for cells, following in lenses:
        yield CellsCompared(cells=cells, next=following, indices=lens_indices(parts, done, len(following)))
        done += len(following)


def check_request(model: Model, other: Model, request: Request, asked: Request) -> None:
    """Refuse an interpretation that either model cannot do; raises as `prepare`."""
    prepare(model, request)
    prepare(other, asked)


def paired_texts(model: Model, other: Model, task: CompareModels) -> PairedTexts:
    """The texts on which maps are fitted; raises as `pair_texts`, and RequestError for a stack that is not read."""
    if task.stack not in ("", model.anatomy.main.name):
        raise RequestError("A map is fitted on states of the stack that prompts run through first.", "Read that stack.")
    return pair_texts(model, other, task.texts)


def read_mapped(
    model: Model,
    other: Model,
    k: int,
    paired: PairedPrompt,
    positions: Sequence[tuple[int, int]],
    layers: Sequence[tuple[int, int]],
    texts: PairedTexts,
    request: Request | None,
    kept: ComparisonParts,
    earlier: Results,
    cancelled: Callable[[], bool],
) -> Iterator[Event]:
    """The map of each pair of layers with the other model's lens of what goes through it, and then its words.

    What of it is there of an `earlier` comparison is not read again, but for the maps where words are asked for.

    Raises:
        RequestError: for states that are not finite.
        Cancelled: before any block, once `cancelled` gives true.
    """
    before = earlier_words(earlier, OTHER_CONTROL, kept.mapped_words, 2 * kept.cells)
    there = list(maps_there(kept, earlier))
    if len(there) == kept.layers and request is None:
        yield from there
        return
    own = states_of(model, paired.here, [one for one, _ in layers], [here for here, _ in positions], cancelled)
    beside = states_of(other, paired.there, [two for _, two in layers], [there for _, there in positions], cancelled)
    parts = []
    yield ComparisonProgress(step="fitting maps", done=0, total=len(layers))
    maps = fit_maps(model, other, texts, layers, partial(read_prompts, cancelled=cancelled))
    for index, (pair, found) in enumerate(maps):
        cells = [at(pair, position) for position in positions]
        states = map_states(other, found, cells, own[:, index], beside[:, index])
        parts.append(states)
        cells_mapped = mapped_cells(other, states, k, cancelled)
        yield CellsMapped(map=as_record(pair, found), cells=cells_mapped, indices=map_indices(kept, index))
        yield ComparisonProgress(step="fitting maps", done=index + 1, total=len(layers))
    if request is None:
        return
    asked, vectors, tokens = as_vectors(request, parts, {there: paired.there.tokens[there] for _, there in positions})
    readings: dict[int, Interpretation] = {}
    step = f"reading mapped states with {other.info().title}"
    if before is not None:
        yield from followed(earlier_results(before), step, readings, kept.mapped_words, None)
    events = interpret_vectors(other, asked, vectors, tokens, prepare_target(other, asked), cancelled, earlier=before)
    yield from followed(events, step, readings, kept.mapped_words, None)
    ordered = [pair for part in parts for pair in part.pairs]
    yield ReadingsMapped(
        readings=tuple(
            MappedReading(pair, readings[index], readings[index + len(ordered)]) for index, pair in enumerate(ordered)
        )
    )


RUNS_WITH_ANOTHER = {CompareModels: run}
