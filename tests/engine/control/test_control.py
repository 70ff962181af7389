"""A layer's output is moved to a target by other weights of its MLP alone; the loaded model stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from selfie_tui.engine.control.block_runs import block_runs, read_run
from selfie_tui.engine.control.mlp import find_mlp
from selfie_tui.engine.control.training import Training
from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.inspecting.standing import let_stand, set_edits, weights_edit
from selfie_tui.engine.methods.control import LayerEvent, control
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.module_state import replacing_parameters
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import Cell, ControlLayer, Edit, LayerControlBegan, LayerControlled, LayerControlStep, Preset
from selfie_tui.records import Request as InterpretRequest
from tests.engine import zoo
from tests.engine.inspecting.models import PROMPT, build, edited_logits, hooks_of, logits, prompt_of, source

FAMILIES = ("gpt2", "llama", "neox", "gemma2", "qwen3", "opt", "bloom", "falcon", "mpt", "mixtral")
OTHER = "a city of hat man"
RETAIN = ("the Eiffel Tower is in Paris", "a man with hat", "Sure I will summarize the message")
HELD_OUT = ("the city of Paris is located", "a hat is in the Tower")
LAYER = 2


def never() -> bool:
    return False


def asked(model: Model, **settings: Any) -> ControlLayer:
    """A task for the last token of the prompt, without baselines, whose answers are short."""
    stack = settings.pop("stack", "")
    layer = settings.pop("layer", LAYER)
    last = len(source(model, stack).ids if stack != "decoder" else source(model, stack).prefix or ()) - 1
    request = InterpretRequest(
        prompt=settings.pop("prompt", prompt_of(model)),
        cells=settings.pop("cells", (Cell(layer, last),)),
        preset=Preset("p", "man _ is"),
        stack=stack,
        max_new_tokens=2,
        relevancy=False,
        baselines=False,
        seed=settings.pop("seed", 0),
    )
    like = "" if "line" in settings else OTHER
    values = {"like": like, "retain": RETAIN, "held_out": HELD_OUT, "answer_tokens": 2, "steps": 30} | settings
    return ControlLayer(request=request, **values)


def done(model: Model, task: ControlLayer, vector: Vector | None = None) -> tuple[list[LayerEvent], ReadyEdit]:
    found: list[LayerEvent] = []
    edits: list[ReadyEdit] = []

    def watch() -> Iterator[LayerEvent]:
        edits.append((yield from control(model, task, vector, never)))

    found.extend(watch())
    return found, edits[0]


@contextmanager
def untouched(model: Model) -> Iterator[None]:
    """Whatever is done, the model has the same parameters, bit by bit, the same hooks and the same logits."""
    before = {name: (parameter, parameter.clone()) for name, parameter in model.module.named_parameters()}
    flags = {name: parameter.requires_grad for name, (parameter, _) in before.items()}
    hooks, clean = hooks_of(model), logits(model, source(model, "decoder" if model.kind == "encoder-decoder" else ""))
    yield
    after = dict(model.module.named_parameters())
    assert after.keys() == before.keys()
    assert all(after[name] is parameter and parameter.equal(was) for name, (parameter, was) in before.items())
    assert all(parameter.grad is None for parameter in after.values())
    assert {name: parameter.requires_grad for name, parameter in after.items()} == flags
    assert hooks_of(model) == hooks
    assert logits(model, source(model, "decoder" if model.kind == "encoder-decoder" else "")).equal(clean)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cell_is_moved_to_the_target_and_the_model_is_bitwise_as_before(family: str) -> None:
    model = build(family)
    with untouched(model):
        (began, *steps, ended), weights = done(model, asked(model, steps=60))
    assert isinstance(began, LayerControlBegan)
    assert isinstance(ended, LayerControlled)
    assert steps[0] == LayerControlStep(step=1, steps=60, distance=pytest.approx(1.0, abs=1e-5), drift=0.0)
    assert ended.curve == tuple((each.distance, each.drift) for each in steps if isinstance(each, LayerControlStep))
    assert len(steps) == 60
    assert ended.distance < (within_reach(model) + 0.1 if family == "gemma2" else 0.3)
    assert ended.drift < 0.25
    assert 0 < ended.changed < 0.5
    source_ids, other = source_of(model, PROMPT).ids, source_of(model, OTHER).ids
    target = model.read(other, [LAYER], [len(other) - 1])[LAYER][0]
    plain = model.read(source_ids, [LAYER], [len(source_ids) - 1])[LAYER][0]
    with model.edits.replaced([weights]):
        moved = model.read(source_ids, [LAYER], [len(source_ids) - 1])[LAYER][0]
        below = model.read(source_ids, [LAYER - 1], [*range(len(source_ids))])[LAYER - 1]
    assert float((moved - target).norm() / (plain - target).norm()) == pytest.approx(ended.distance, rel=1e-4)
    assert float((plain - target).norm()) == pytest.approx(began.distance, rel=1e-5)
    assert below.equal(model.read(source_ids, [LAYER - 1], [*range(len(source_ids))])[LAYER - 1])


def within_reach(model: Model) -> float:
    """The least share of the way that is left whatever the MLP gives, where a norm behind it sets how much it adds."""
    mlp = find_mlp(model, LAYER)
    run = read_run(model, mlp.block, [source_of(model, PROMPT)], never)
    other = source_of(model, OTHER).ids
    target, before = model.read(other, [LAYER], [len(other) - 1])[LAYER][0], run.output[0, -1]
    free = torch.randn(model.hidden, generator=torch.Generator().manual_seed(0), requires_grad=True)
    handle = model.modules[mlp.path].register_forward_hook(lambda _, args, output: output * 0 + free)
    optimizer = torch.optim.Adam([free], lr=0.05)
    try:
        for _ in range(300):
            optimizer.zero_grad()
            left = (run.again(model.modules[mlp.block.path])[0, -1] - target).norm() / (before - target).norm()
            left.backward(inputs=[free])
            optimizer.step()
    finally:
        handle.remove()
    return float(left.detach())


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2", "qwen3", "opt"])
def test_gradients_are_those_of_the_whole_model(family: str) -> None:
    """The loss's gradient in the block alone equals that through all of the model's forward by its own parameters."""
    model = build(family)
    read = source_of(model, PROMPT)
    mlp = find_mlp(model, LAYER)
    run = read_run(model, mlp.block, [read], never)
    target = 2 * torch.randn(1, model.hidden, generator=torch.Generator().manual_seed(1))
    training = Training(model, mlp, run, (len(read.ids) - 1,), target, [], 0.01, 0.0)
    _, _, found = training.gradients(never)
    own = dict(model.modules[mlp.path].named_parameters())
    parameters = [own[name] for name in mlp.names]
    states: list[torch.Tensor] = []
    handle = model.modules[mlp.block.path].register_forward_hook(
        lambda _, args, output: states.append(mlp.block.output.of(output))
    )
    with torch.enable_grad():
        model.module(**model.inputs([list(read.ids)], use_cache=False))
    handle.remove()
    state = states[0][0, -1]
    loss = (state - target[0]).square().sum() / (state.detach() - target[0]).square().sum()
    expected = torch.autograd.grad(loss, parameters)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-6)


def test_other_weights_stand_as_if_they_were_the_modules_own() -> None:
    model = build("qwen3")
    mlp = find_mlp(model, 1)
    generator = torch.Generator().manual_seed(3)
    weights = {name: torch.randn(each.shape, generator=generator) for name, each in mlp.weights(model).items()}
    with untouched(model):
        let_stand(model, [weights_edit(model, mlp.path, weights)])
        found = edited_logits(model, source(model))
        let_stand(model, [])
    own = zoo.CONFIGS["qwen3"](4)
    copy = type(model.module)(own).eval()
    copy.load_state_dict(model.module.state_dict() | {f"{mlp.path}.{name}": each for name, each in weights.items()})
    other = adopt(copy, model.tokenizer)
    assert found.equal(logits(other, source(other)))
    assert not found.equal(logits(model, source(model)))


def test_a_seed_decides_everything() -> None:
    model = build("llama")
    events, weights = done(model, asked(model, random=True, seed=5))
    again, same = done(model, asked(model, random=True, seed=5))
    assert events == again
    assert all(each.equal((same.weights or {})[name]) for name, each in (weights.weights or {}).items())
    other, _ = done(model, asked(model, random=True, seed=6))
    assert other != events


def test_a_random_target_is_as_far_away() -> None:
    model = build("llama")
    began = [done(model, asked(model, random=random, steps=1))[0][0] for random in (False, True)]
    assert isinstance(began[0], LayerControlBegan)
    assert isinstance(began[1], LayerControlBegan)
    assert began[1].distance == pytest.approx(began[0].distance, rel=1e-5)
    assert began[1].before == began[0].before


def test_what_is_retained_is_measured_by_whole_forwards_and_held_by_its_weight() -> None:
    model = build("llama")
    drifts = []
    for keep in (0.0, 4.0):
        events, weights = done(model, asked(model, keep=keep, steps=60))
        ended = events[-1]
        assert isinstance(ended, LayerControlled)
        drifts.append(ended.drift)
        assert [each.prompt for each in ended.retained] == [*RETAIN, *HELD_OUT]
        assert [each.held_out for each in ended.retained] == [False] * 3 + [True] * 2
        for each in ended.retained:
            read = source_of(model, each.prompt)
            was = logits(model, read).double().log_softmax(-1)
            with model.edits.replaced([weights]):
                now = edited_logits(model, read).double().log_softmax(-1)
            kl = (now.exp() * (now - was)).sum(-1)
            assert each.kl == pytest.approx(float(kl.mean()), rel=1e-6)
            assert each.worst == pytest.approx(float(kl.max()), rel=1e-6)
            assert each.agreement == float((now.argmax(-1) == was.argmax(-1)).double().mean())
            ids = torch.tensor(read.ids[1:])
            loss = torch.nn.functional.nll_loss(now[:-1], ids)
            assert each.loss_after == pytest.approx(float(loss), rel=1e-6)
            assert each.loss_before == pytest.approx(float(torch.nn.functional.nll_loss(was[:-1], ids)), rel=1e-6)
    assert drifts[1] < 0.8 * drifts[0]


def test_a_vector_of_several_cells_is_the_target_of_each() -> None:
    model = build("gpt2")
    target = torch.randn(model.hidden, generator=torch.Generator().manual_seed(2))
    task = asked(model, line="v", cells=(Cell(LAYER, 3), Cell(LAYER, 5)), steps=80)
    (_, *_, ended), weights = done(model, task, Vector(target[None], (), "v"))
    assert isinstance(ended, LayerControlled)
    assert ended.distance < 0.3
    ids = source_of(model, PROMPT).ids
    plain = model.read(ids, [LAYER], [3, 5])[LAYER]
    with model.edits.replaced([weights]):
        moved = model.read(ids, [LAYER], [3, 5])[LAYER]
    left = ((moved - target).square().sum(-1) / (plain - target).square().sum(-1)).mean().sqrt()
    assert ended.distance == pytest.approx(float(left), rel=1e-4)


@pytest.mark.parametrize(("family", "stack"), [("t5", "encoder"), ("t5", "decoder"), ("bart", "decoder"), ("bert", "")])
def test_encoders_and_their_decoders_are_controlled_too(family: str, stack: str) -> None:
    model = build(family)
    prompt = f"{PROMPT} [MASK]" if model.kind == "encoder" else prompt_of(model)
    like = f"[INST]{OTHER}[/INST]a city" if stack == "decoder" else OTHER
    last = len(source_of(model, prompt, stack).tokens) - 2
    task = asked(model, stack=stack, layer=1, prompt=prompt, like=like, cells=(Cell(1, last),), steps=60)
    with untouched(model):
        (*_, ended), _ = done(model, task)
    assert isinstance(ended, LayerControlled)
    assert ended.distance < 0.5


def test_bfloat16_weights_are_trained_in_float32_and_kept_in_their_own_format() -> None:
    whole = zoo.build("llama", seed=9)
    model = adopt(whole.module.to(torch.bfloat16), whole.tokenizer, "half")
    with untouched(model):
        (*_, ended), weights = done(model, asked(model, steps=60))
    assert isinstance(ended, LayerControlled)
    assert {each.dtype for each in (weights.weights or {}).values()} == {torch.bfloat16}
    assert ended.distance < 0.3


@pytest.mark.parametrize("after", [0, 3, 9, 20, 60, 150, 400])
def test_a_cancelled_training_leaves_the_model_as_it_was_and_no_file(after: int, tmp_path: Path) -> None:
    model, polled = build("llama"), iter(range(100_000))
    file = tmp_path / "w.safetensors"
    with untouched(model), pytest.raises(Cancelled):
        list(control(model, asked(model, file=str(file), steps=200), None, lambda: next(polled) >= after))
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_is_left_half_way_leaves_the_model_as_it_was() -> None:
    model = build("llama")
    with untouched(model):
        events = control(model, asked(model), None, never)
        for _ in range(5):
            next(events)
        events.close()


def test_a_layer_is_trained_with_the_edits_that_stand() -> None:
    model = build("llama")
    set_edits(model, [Edit("layers.1.mlp", "scale", 0.5)])
    try:
        (began, *_, ended), weights = done(model, asked(model))
        assert isinstance(began, LayerControlBegan)
        assert isinstance(ended, LayerControlled)
        ids = source_of(model, PROMPT).ids
        other = source_of(model, OTHER).ids
        target = model.read(other, [LAYER], [len(other) - 1])[LAYER][0]
        assert began.norm == pytest.approx(float(model.read(ids, [LAYER], [len(ids) - 1])[LAYER].norm()), rel=1e-5)
        let_stand(model, [*model.edits.now, weights])
        now = model.read(ids, [LAYER], [len(ids) - 1])[LAYER][0]
        assert float((now - target).norm() / began.distance) == pytest.approx(ended.distance, rel=1e-4)
    finally:
        let_stand(model, [])


def test_a_block_by_itself_gives_what_it_gives_in_the_forward() -> None:
    for family in FAMILIES:
        model = build(family)
        prompts = [source_of(model, prompt) for prompt in (*RETAIN, *HELD_OUT)]
        block = model.anatomy.main.blocks[LAYER]
        runs = list(block_runs(model, block, prompts, never))
        assert sum(len(run.output) for run in runs) == len(prompts)
        with model.inference():
            for run in runs:
                assert run.again(model.modules[block.path]).equal(run.output)


def quantized(model: Model) -> Model:
    copy = type(model.module)(model.module.config).eval()
    found = adopt(copy, model.tokenizer, "packed")
    linear = found.modules[find_mlp(found, LAYER).path].down_proj
    linear.register_buffer("qweight", torch.zeros(4, 4, dtype=torch.int32))
    return found


@pytest.mark.parametrize(
    ("build_model", "settings", "says"),
    [
        (lambda: quantized(build("llama")), {}, "are quantized and cannot be trained"),
        (lambda: build("mamba"), {"layer": 1}, "No MLP was found in layer 1"),
        (lambda: build("albert"), {"layer": 1}, "has no module of its own"),
        (lambda: build("llama"), {"layer": -1}, "embeddings have no MLP"),
        (lambda: build("llama"), {"layer": 9}, "out of range"),
        (lambda: build("llama"), {"like": ""}, "There is no target"),
        (lambda: build("llama"), {"line": "v", "like": OTHER}, "or there are two"),
        (lambda: build("llama"), {"like": PROMPT}, "is the target already"),
        (lambda: build("llama"), {"like_position": 40}, "out of range"),
        (lambda: build("llama"), {"steps": 0}, "No step"),
        (lambda: build("llama"), {"rate": 0.0}, "The rate is 0.0"),
        (lambda: build("llama"), {"rate": float("nan")}, "The rate is nan"),
        (lambda: build("llama"), {"keep": -1.0}, "weight of what is retained is -1.0"),
        (lambda: build("llama"), {"cells": (Cell(1, 2), Cell(2, 2))}, "Control is of one layer"),
        (lambda: build("llama"), {"cells": ()}, "No cell is chosen"),
        (lambda: build("llama"), {"file": "a/b"}, "cannot be the name of weights"),
    ],
)
def test_what_cannot_be_trained_is_refused(build_model: Any, settings: dict[str, Any], says: str) -> None:
    model = build_model()
    with pytest.raises(RequestError, match=says):
        done(model, asked(model, **settings))


def test_a_target_of_another_width_or_layer_is_refused() -> None:
    model = build("llama")
    with pytest.raises(RequestError, match="v is 6 wide"):
        done(model, asked(model, line="v"), Vector(torch.ones(1, 6), (), "v"))
    with pytest.raises(RequestError, match="has no vector for L2"):
        done(model, asked(model, line="v"), Vector(torch.ones(2, 64), (0, 1), "v"))


def test_parameters_are_put_back_whatever_happens() -> None:
    model = build("llama")
    module = model.modules["model.layers.0.mlp"]
    own = dict(module.named_parameters())
    other = {name: torch.zeros_like(each) for name, each in own.items()}
    with pytest.raises(KeyError), replacing_parameters(module, other | {"down_proj.nothing": torch.zeros(1)}):
        pass
    assert all(each is own[name] for name, each in module.named_parameters())
    with replacing_parameters(module, other):
        assert all(each is other[name] for name, each in module.named_parameters())
    assert all(each is own[name] for name, each in module.named_parameters())
