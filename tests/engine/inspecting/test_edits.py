"""Edits do what raw hooks do, in prompts, generations and interpretations, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from selfie_tui.engine import tracing
from selfie_tui.engine.edits import noise
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.inspecting.answers import answer, first_difference
from selfie_tui.engine.inspecting.peek import peek
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import Answer, Cell, CellFinished, Edit, ModuleTensor, Peek, Preset, Request
from tests.engine.inspecting.models import (
    FAMILIES,
    OTHERS,
    PROMPT,
    build,
    continued,
    edited_logits,
    greedy,
    hooked,
    hooks_of,
    last_stack,
    logits,
    prompt_of,
    source,
)
from tests.engine.zoo import prompt_ids

AT = 3
CHANGES: dict[str, tuple[Edit, Callable[[torch.Tensor], torch.Tensor]]] = {
    "set": (Edit("", "set", 0.5), lambda there: torch.full_like(there, 0.5)),
    "scale": (Edit("", "scale", -2.0), lambda there: there * -2.0),
    "zero": (Edit("", "zero"), torch.zeros_like),
    "add": (Edit("", "add", 0.75), lambda there: there + 0.75),
}


def never() -> bool:
    return False


def with_path(edit: Edit, path: str, positions: tuple[int, ...] | None = None) -> Edit:
    return Edit(path, edit.action, edit.value, positions, edit.seed, edit.which, edit.index, edit.vector)


def by_rows(tokens: int, where: int | None, change: Callable[[torch.Tensor], torch.Tensor]):
    """A change of the numbers of one token, or of all, in a tensor `(1, tokens, ...)` or `(tokens, ...)`."""

    def made(tensor: torch.Tensor) -> torch.Tensor:
        rows = tensor[0] if tensor.shape[0] == 1 else tensor
        assert len(rows) == tokens
        chosen = slice(None) if where is None else slice(where, where + 1)
        rows[chosen] = change(rows[chosen].clone())
        return tensor

    return made


def editable(model: Model) -> list[str]:
    """Modules of one layer and beside the layers, whose outputs have a row for each token."""
    stack = model.anatomy.last
    inside = f"{stack.blocks[1].path}."
    written = model.kind == "encoder-decoder"
    return [
        tensor.path
        for tensor, layout in model.layouts.items()
        if (tensor.which, tensor.index, tensor.call) == ("output", 0, 0)
        and (f"{tensor.path}.".startswith(inside) or tensor.path in (model.anatomy.head, model.anatomy.base_model))
        and (layout.flat or layout.rows == 0)
        and layout.tokens in (0, 1)
        and layout.written == written
    ]


@pytest.mark.parametrize("family", [*FAMILIES, "t5", "bart", "bert", "rwkv"])
def test_an_edit_of_any_module_is_the_hook_that_does_the_same(family: str) -> None:
    model = build(family)
    read = source(model, last_stack(model))
    plain, paths, differing, hooks = logits(model, read), editable(model), 0, hooks_of(model)
    assert len(paths) >= 5
    for number, path in enumerate(paths):
        edit, change = list(CHANGES.values())[number % len(CHANGES)]
        where = None if number % 3 == 0 else min(AT, len(read.tokens) - 1)
        with hooked(model, path, by_rows(len(read.tokens), where, change)):
            expected = logits(model, read)
        set_edits(model, [with_path(edit, path, None if where is None else (where,))])
        found = edited_logits(model, read)
        set_edits(model, [])
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
        differing += not torch.equal(found, plain)
        assert edited_logits(model, read).equal(plain)
    assert differing >= len(paths) / 2
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("family", ["llama", "gpt2", "gptj", "opt", "t5"])
def test_what_reads_a_stream_or_writes_into_it_sees_the_edited_one(family: str) -> None:
    model = build(family)
    ids, stack = source(model).ids, model.anatomy.main
    before = model.read(ids, [1, 2], [AT])
    set_edits(model, [Edit(stack.blocks[1].path, "scale", 2.0)])
    try:
        after = model.read(ids, [1, 2], [AT])
        torch.testing.assert_close(after[1], 2 * before[1])
        assert not torch.allclose(after[2], before[2])
        # identity 1 holds of the edited model: a state written where it was read changes nothing
        inputs = model.inputs([list(ids)], [list(model.feed.start)] if model.feed.start else None, use_cache=False)
        with model.edits.reading_prompt(), model.inference():
            there = model.anatomy.logits_in(model.module(**inputs))
            same = model.anatomy.logits_in(tracing.run_injected(model.traced, inputs, Injection(after[1], (AT,), 1)))
        assert same.equal(there)
    finally:
        set_edits(model, [])
    assert model.read(ids, [1, 2], [AT])[2].equal(before[2])


@pytest.mark.parametrize("family", ["llama", "opt", "gptj"])
def test_an_input_is_edited_as_an_output_is(family: str) -> None:
    model, read = build(family), source(build(family))
    blocks, hooks = model.anatomy.main.blocks, hooks_of(model)
    set_edits(model, [Edit(blocks[1].path, "scale", 0.5, (AT,))])
    expected = edited_logits(model, read)
    set_edits(model, [Edit(blocks[2].path, "scale", 0.5, (AT,), which="input")])
    found = edited_logits(model, read)
    set_edits(model, [])
    assert found.equal(expected)
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("family", [*FAMILIES, "t5", "bart", "rwkv", "mamba"])
def test_an_answer_with_edits_is_that_of_whole_texts_with_hooks(family: str) -> None:
    model = build(family)
    stack = model.anatomy.last
    path, length = stack.blocks[1].path, len(source(model, last_stack(model)).tokens)
    hooks = hooks_of(model)

    def everywhere(tensor: torch.Tensor) -> torch.Tensor:
        return tensor * 0.25

    def at_one(tensor: torch.Tensor) -> torch.Tensor:
        tensor[:, length - 1] = 0.5
        return tensor

    for edit, change in ((Edit(path, "scale", 0.25), everywhere), (Edit(path, "set", 0.5, (length - 1,)), at_one)):
        with hooked(model, path, change):
            expected = greedy(model, 6)
        set_edits(model, [edit])
        found = continued(model, 6)
        set_edits(model, [])
        assert found == expected
    assert continued(model, 6) == greedy(model, 6)
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "bart"])
def test_noise_depends_on_seed_and_token_alone(family: str) -> None:
    model = build(family)
    path, cached = model.anatomy.last.blocks[1].path, model.cached
    answers = []
    for seed in (1, 1, 2):
        set_edits(model, [Edit(path, "noise", 2.0, seed=seed)])
        answers.append(continued(model, 6))
        model.cached = False  # the whole text at every step draws the same noise as one token at a time
        assert continued(model, 6) == answers[-1]
        model.cached = cached
    set_edits(model, [])
    assert answers[0] == answers[1] != answers[2]


def test_noise_has_the_standard_deviation_that_is_asked_for() -> None:
    drawn = noise(3, range(40), (500,))
    assert drawn.std().item() == pytest.approx(1.0, abs=0.02)
    assert drawn.mean().item() == pytest.approx(0.0, abs=0.02)
    assert drawn[7].equal(noise(3, [7], (500,))[0])
    model = build("llama")
    place = ModuleTensor("layers.0.mlp")
    plain = peek(model, Peek(PROMPT, place, AT), never).tokens[AT]
    set_edits(model, [Edit("layers.0.mlp", "zero"), Edit("layers.0.mlp", "noise", 0.3, seed=5)])
    noisy = peek(model, Peek(PROMPT, place, AT), never).tokens[AT]
    set_edits(model, [])
    assert plain.std != pytest.approx(noisy.std, rel=0.2)
    assert noisy.std == pytest.approx(0.3, rel=0.25)


def test_edits_are_made_in_their_order() -> None:
    model, place = build("llama"), ModuleTensor("layers.0.mlp")
    set_edits(model, [Edit("layers.0.mlp", "set", 1.0), Edit("layers.0.mlp", "scale", 3.0)])
    assert peek(model, Peek(PROMPT, place, AT), never).tokens[AT].mean == 3.0
    set_edits(model, [Edit("layers.0.mlp", "scale", 3.0), Edit("layers.0.mlp", "set", 1.0)])
    assert peek(model, Peek(PROMPT, place, AT), never).tokens[AT].mean == 1.0
    set_edits(model, [])


def test_a_vector_of_a_file_is_set_and_added_times_a_number(tmp_path: Path) -> None:
    model, file = build("llama"), tmp_path / "mine.safetensors"
    vector = torch.randn(model.hidden, generator=torch.Generator().manual_seed(1))
    save_file({"vector": vector}, file)
    ids = source(model).ids
    before = model.read(ids, [1], [AT, 4])[1]
    set_edits(model, [Edit("layers.1", "add", 2.0, (AT,), vector=str(file))])
    added = model.read(ids, [1], [AT, 4])[1]
    set_edits(model, [Edit("layers.1", "set", -1.0, (AT,), vector=str(file))])
    written = model.read(ids, [1], [AT, 4])[1]
    set_edits(model, [])
    torch.testing.assert_close(added, before + torch.stack([2 * vector, torch.zeros_like(vector)]))
    torch.testing.assert_close(written, torch.stack([-vector, before[1]]))
    save_file({"vector": vector[:9]}, file)
    with pytest.raises(RequestError, match=r"9 wide, and the output of model\.layers\.1 is 64 wide"):
        set_edits(model, [Edit("layers.1", "add", vector=str(file))])
    with pytest.raises(RequestError, match="cannot be used to scale"):
        set_edits(model, [Edit("layers.1", "scale", vector=str(file))])


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit("layers.7", "zero"), "No module"),
        (Edit("layers.1", "scale", float("nan")), "finite"),
        (Edit("layers.1", "noise", -1.0), "not negative"),
        (Edit("layers.1.mlp", "zero", index=1), "one tensor"),
        (Edit("layers.1", "add", vector="no-such-vector"), "No vector"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused_and_those_that_stand_stay(edit: Edit, says: str) -> None:
    model = build("llama")
    set_edits(model, [Edit("layers.2", "zero")])
    with pytest.raises(RequestError, match=says):
        set_edits(model, [Edit("layers.0", "zero"), edit])
    assert [each.path for each in model.edits.records] == ["model.layers.2"]
    set_edits(model, [])


def test_positions_of_a_tensor_without_tokens_are_refused() -> None:
    model = build("mixtral")
    without = [tensor for tensor, layout in model.layouts.items() if layout.tokens is None and tensor.which == "output"]
    for tensor in without:
        with pytest.raises(RequestError, match="no tokens"):
            set_edits(model, [Edit(tensor.path, "zero", positions=(1,), index=tensor.index)])
    assert without


def request_of(preset: str, cells: tuple[Cell, ...], injection_layer: int = -1) -> Request:
    settings = {"injection_layer": injection_layer, "max_new_tokens": 5}
    return Request(prompt=PROMPT, cells=cells, preset=Preset("mine", preset), **settings)


def texts(model: Model, request: Request) -> list[str]:
    found = {
        event.index: event.interpretation.text for event in interpret(model, request) if isinstance(event, CellFinished)
    }
    return [found[index] for index in range(len(request.cells))]


@pytest.mark.parametrize("injection_layer", [-1, 0, 2])
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "gptj"])
@pytest.mark.parametrize("layer", [0, 2, 3])
def test_an_interpretation_reads_and_decodes_with_the_edits_that_stand(
    family: str, injection_layer: int, layer: int
) -> None:
    model = build(family)
    cells = tuple(Cell(layer, position) for layer in (0, 2) for position in (AT, 5))
    request = request_of("a man _ is in", cells, injection_layer)
    plain = texts(model, request)
    path = next(part.path for part in model.sublayers[0].blocks[layer].parts if part.kind == "mlp")
    with hooked(model, path, lambda tensor: tensor * -3.0):
        expected = texts(model, request)
    set_edits(model, [Edit(path, "scale", -3.0)])
    found = texts(model, request)
    set_edits(model, [])
    assert found == expected != plain
    assert texts(model, request) == plain


def test_an_edit_at_positions_changes_what_is_read_and_not_the_interpretation_prompt() -> None:
    model = build("llama")
    request = request_of("a man _ is in", (Cell(2, AT), Cell(2, AT - 1)))
    ids = source(model).ids
    set_edits(model, [Edit("layers.1.mlp", "scale", -3.0, (AT,))])
    states = model.read(ids, [2], [AT, AT - 1])[2]
    found = texts(model, request)
    set_edits(model, [])
    clean = model.read(ids, [2], [AT, AT - 1])[2]
    assert states[1].equal(clean[1])
    assert not torch.allclose(states[0], clean[0])
    from selfie_tui.library.api import interpret_vectors

    decoded = interpret_vectors(model, states, preset=request.preset, max_new_tokens=5, relevancy=False)
    assert found == [each.text for each in decoded.interpretations]


def test_many_prompts_are_read_with_edits_at_positions_as_each_alone() -> None:
    model = build("gpt2")
    prompts = [prompt_ids(1, 5), prompt_ids(2, 9), prompt_ids(3, 6)]
    for edit in (Edit("h.1", "zero", positions=(2,)), Edit("h.1", "noise", 1.0), Edit("h.1.mlp", "scale", 0.5)):
        set_edits(model, [edit])
        together = read_prompts(model, prompts, [1, 3])
        for prompt, states in zip(prompts, together, strict=True):
            alone = model.read(prompt, [1, 3], range(len(prompt)))
            torch.testing.assert_close(states[3], alone[3], rtol=1e-4, atol=1e-4)
        set_edits(model, [])


def test_both_answers_are_written_side_by_side_and_say_where_they_part() -> None:
    model = build("llama")
    plain = list(answer(model, Answer(PROMPT, 6), never))
    assert [len(each.plain) for each in plain] == [1, 2, 3, 4, 5, 6, 6]
    assert plain[-1].finished
    assert plain[-1].edited == ()
    set_edits(model, [Edit("layers.3.mlp", "scale", 0.0)])
    both = list(answer(model, Answer(PROMPT, 6), never))
    assert [token.id for token in both[-1].edited] == continued(model, 6)
    assert model.info().edits == (Edit("model.layers.3.mlp", "scale", 0.0),)
    set_edits(model, [])
    assert both[-1].plain == plain[-1].plain
    ids = [tuple(token.id for token in each) for each in (both[-1].plain, both[-1].edited)]
    assert both[-1].differs_from == next(
        index for index, pair in enumerate(zip(*ids, strict=True)) if pair[0] != pair[1]
    )
    assert model.info().edits == ()


def test_texts_differ_where_one_has_ended() -> None:
    assert first_difference((1, 2), (1, 2), False, False) is None
    assert first_difference((1, 2, 3), (1, 4), False, False) == 1
    assert first_difference((1, 2, 3), (1, 2), False, False) is None
    assert first_difference((1, 2, 3), (1, 2), False, True) == 2
    assert first_difference((), (1,), True, False) == 0
    assert first_difference((), (), True, True) is None


def test_an_answer_that_is_cancelled_leaves_only_the_edits_that_stood() -> None:
    model, read = build("llama"), source(build("llama"))
    before, asked, hooks = logits(model, read), [], hooks_of(model)

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 21  # within the second step of either answer

    set_edits(model, [Edit("layers.2", "zero"), Edit("layers.1", "add", 1.0, (AT,))])
    standing = model.edits.now
    with pytest.raises(Cancelled):
        list(answer(model, Answer(PROMPT, 50), cancelled))
    assert model.edits.now is standing
    assert not model.edits.is_open
    assert hooks_of(model) == hooks
    assert logits(model, read).equal(before)  # outside of the engine the module is as it was
    set_edits(model, [])
    assert edited_logits(model, read).equal(before)


def test_weights_and_forward_are_the_same_objects_after_edits() -> None:
    model, read = build("gemma2"), source(build("gemma2"))
    weights = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    forwards = {path: part.forward for path, part in model.modules.items()}
    set_edits(model, [Edit(path, "noise", 1.0) for path in editable(model)])
    edited_logits(model, read)
    list(answer(model, Answer(PROMPT, 3), never))
    set_edits(model, [])
    assert all(part.forward is forwards[path] for path, part in model.modules.items())
    assert all(weight.equal(weights[name]) for name, weight in model.module.state_dict().items())


@pytest.mark.parametrize("family", OTHERS)
def test_a_shared_or_encoder_only_or_recurrent_model_is_as_before_after_an_edit(family: str) -> None:
    model = build(family)
    read = source(model, last_stack(model))
    before = logits(model, read)
    set_edits(model, [Edit(model.anatomy.main.blocks[0].path, "scale", 0.5)])
    assert not edited_logits(model, read).equal(before)
    set_edits(model, [])
    assert edited_logits(model, read).equal(before)
    assert prompt_of(model)
