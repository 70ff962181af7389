"""The patching task on the bundled model: what it yields, and that its scores are those of plain hooks."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching import joined, plain
from selfie_tui.engine.service import METHODS
from selfie_tui.errors import Cancelled, PromptError, RequestError
from selfie_tui.ranks import rank_correlation
from selfie_tui.records import (
    AttributionFinished,
    EarlierPatching,
    Event,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    SitesPatched,
)

TASK = PatchActivations(
    clean="Paris is the capital of", corrupt="Rome is the capital of", correct="France", wrong="Italy"
)


def events(model: Model, task: PatchActivations) -> list[Event]:
    return list(METHODS[PatchActivations](model, task, never))


def runs_in(found: list[Event]) -> dict[int, PatchedRun]:
    return {run.index: run for event in found if isinstance(event, SitesPatched) for run in event.runs}


def test_every_site_is_scored_once_after_its_attribution_and_the_ends_are_0_and_1(demo: Model) -> None:
    found = events(demo, TASK)
    began, attribution, *_, ended = found
    assert isinstance(began, PatchBegan)
    assert isinstance(attribution, AttributionFinished)
    assert isinstance(ended, PatchEnded)
    runs = runs_in(found)
    assert sorted(runs) == list(range(len(began.sites)))
    assert len(attribution.scores) == ended.sites == len(began.sites)
    assert began.clean.value > began.corrupt.value
    last = len(began.clean.tokens) - 1
    whole = began.sites.index((PatchedSite("resid", demo.layers - 1, (last,)),))
    assert runs[whole].score == pytest.approx(1, abs=1e-4)
    assert runs[whole].top[0].id == began.clean.top[0].id
    assert runs[whole].top[0].probability == pytest.approx(began.clean.top[0].probability, abs=1e-4)
    assert ended.agreement is not None
    assert -1 <= ended.agreement <= 1


def test_a_score_is_that_of_a_plain_hook(demo: Model) -> None:
    found = events(demo, TASK)
    began, runs = found[0], runs_in(found)
    assert isinstance(began, PatchBegan)
    assert began.correct is not None
    assert began.wrong is not None
    ids = [torch.tensor([[token.id for token in side.tokens]]) for side in (began.clean, began.corrupt)]
    layer, position = demo.layers // 2, 1
    kept: list[torch.Tensor] = []

    def write(_: object, args: object, output: torch.Tensor) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if not kept:
            kept.append(state.clone())
        state[:, position] = kept[0][:, position]

    handle = demo.blocks[layer].register_forward_hook(write)
    with torch.no_grad():
        demo.module(ids[0])
        logits = demo.module(ids[1]).logits[0, -1]
    handle.remove()
    value = float(logits[began.correct.id] - logits[began.wrong.id])
    index = began.sites.index((PatchedSite("resid", layer, (position,)),))
    assert runs[index].value == pytest.approx(value, abs=1e-3)
    expected = (value - began.corrupt.value) / (began.clean.value - began.corrupt.value)
    assert runs[index].score == pytest.approx(expected, abs=1e-4)


def test_chosen_sites_are_written_in_one_run(demo: Model) -> None:
    chosen = (PatchedSite("embed", 0, (0, 1)), PatchedSite("attn", 1, (2,)))
    task = PatchActivations(
        clean=TASK.clean, corrupt=TASK.corrupt, correct="France", wrong="Italy", chosen=chosen, noise=True
    )
    found = events(demo, task)
    began, runs = found[0], runs_in(found)
    assert isinstance(began, PatchBegan)
    assert began.sites == (chosen,)
    assert list(runs) == [0]
    assert math.isfinite(runs[0].score)


def test_unequal_prompts_a_missing_answer_and_a_cancel_end_it(demo: Model) -> None:
    with pytest.raises(PromptError, match="tokens; from token"):
        events(demo, PatchActivations(clean="Paris is", corrupt="Paris is in", correct="France", wrong="Italy"))
    with pytest.raises(RequestError, match="no wrong answer"):
        events(demo, PatchActivations(clean="Paris is", corrupt="Rome is", correct="France"))
    with pytest.raises(Cancelled):
        list(METHODS[PatchActivations](demo, TASK, lambda: True))


def test_two_prompts_that_are_answered_alike_say_so_and_have_no_scores(demo: Model) -> None:
    task = PatchActivations(clean=TASK.clean, corrupt=TASK.clean, correct="France", wrong="Italy", sites=("resid",))
    found = events(demo, task)
    assert isinstance(found[0], PatchBegan)
    assert "answered alike" in found[0].problem
    assert all(math.isnan(run.score) for run in runs_in(found).values())
    assert not any(isinstance(event, AttributionFinished) for event in found)


@pytest.mark.parametrize(
    "corrupt", [TASK.corrupt, "Everyone knows that Rome is the capital of"], ids=["joined", "plain"]
)
@pytest.mark.parametrize("left_out", [0, 1, 3], ids=str)
def test_what_is_left_of_one_that_stopped_is_run_to_the_same_bits(
    demo: Model, monkeypatch: pytest.MonkeyPatch, corrupt: str, left_out: int
) -> None:
    for module in (joined, plain):
        monkeypatch.setattr(module, "TOKENS", 64)  # several batches
    kind = "each" if corrupt == TASK.corrupt else "lastk"
    task = msgspec.structs.replace(TASK, corrupt=corrupt, kind=kind, positions=(3,) * (kind == "lastk"))
    whole = events(demo, task)
    _, attribution, *rest = whole
    assert isinstance(attribution, AttributionFinished)
    batches = [event.runs for event in rest if isinstance(event, SitesPatched)]
    assert len(batches) > 4
    there = (*batches[0], *batches[1], *batches[2][: len(batches[2]) - left_out])
    again = events(demo, msgspec.structs.replace(task, earlier=EarlierPatching("a:1", attribution.scores, there)))
    first, estimated, earlier, *_ = again
    assert (first, estimated, earlier) == (whole[0], attribution, SitesPatched(runs=there))
    assert runs_in(again) == runs_in(whole)
    assert again[-1] == whole[-1]
    later = [event.runs for event in again if isinstance(event, SitesPatched)][1:]
    assert later == ([batches[2][-left_out:]] if left_out else []) + batches[3:]


def test_ranks_of_equal_values_are_their_mean() -> None:
    assert rank_correlation([1, 2, 3], [10, 20, 15]) == pytest.approx(0.5)
    assert rank_correlation([1, 1, 2], [1, 1, 2]) == pytest.approx(1)
    assert rank_correlation([1, 1], [1, 2]) is None
    assert rank_correlation([1, math.nan, 3], [3, 1, 1]) == pytest.approx(-1)


def test_ranks_leave_out_what_is_0_in_both_where_nothing_differs() -> None:
    one, other = [0.5, 0.25, -0.25], [0.25, 0.5, -0.25]
    alone = rank_correlation(one, other)
    assert alone == pytest.approx(0.5)
    assert rank_correlation([*one, *[0.0] * 50], [*other, *[0.0] * 50]) == pytest.approx(alone)
    assert rank_correlation([*one, 0.0], [*other, 0.125]) != pytest.approx(alone)
    assert rank_correlation([0.0, 0.0], [0.0, 0.0]) is None
