"""Path patching against Wang et al.'s steps by plain hooks, a forward each, and the identities of direct effects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.path_forward import Ways
from selfie_tui.engine.patching.paths import Path
from selfie_tui.engine.patching.replacement import ZERO
from selfie_tui.engine.patching.scores import patch_scores, path_scores
from selfie_tui.engine.patching.sites import PatchSite, heads_of
from selfie_tui.errors import Cancelled, RequestError
from tests.engine.patching.reference import FAMILIES, Edit, Family, at, hooked, last_logits
from tests.engine.sublayer_models import build as build_kind
from tests.engine.zoo import CONFIGS, build, byte_tokenizer, prompt_ids, randomise

LENGTH, LAST = 9, 8
PAIR = PromptPair(tuple(prompt_ids(3)), tuple(prompt_ids(5)))
A, B = 20, 30
CLOSE = 2e-4
"""Logit differences here are of size 1 to 30."""

EVERY = tuple(range(LENGTH))


def ld(logits: torch.Tensor) -> float:
    return float(logits[A] - logits[B])


def head(layer: int, number: int, *positions: int) -> PatchSite:
    return PatchSite("o", layer, positions, (number,))


def paths_of(model: Model) -> list[Path]:
    """Heads, attention and MLPs that send to heads, MLPs, attention and the answer, near and far."""
    last_head = int(heads_of(model, "k", 2) or 1) - 1
    key = PatchSite("k", 2, (3, LAST), (last_head,))
    return [
        Path((head(0, 1, 3, LAST),), (PatchSite("q", 2, (LAST,), (3,)),)),
        Path((head(0, 1, 3, LAST),), (key, PatchSite("v", 2, (3,), (last_head,)))),
        Path((head(1, 2, *EVERY), head(2, 0, LAST)), (PatchSite("mlp", 3, (LAST,)),)),
        Path((PatchSite("mlp", 0, EVERY),), (PatchSite("attn", 2, (5, LAST)), PatchSite("mlp", 2, (LAST,)))),
        Path((PatchSite("attn", 1, EVERY),), (PatchSite("o", 3, (LAST,), (0,)), PatchSite("mlp", 1, EVERY))),
        Path((PatchSite("embed", 0, EVERY),), (PatchSite("q", 0, EVERY), PatchSite("mlp", 3, (LAST,)))),
        Path((PatchSite("resid", 1, EVERY),), (PatchSite("v", 3, EVERY),)),
        Path((head(2, 3, LAST),), to_logits=True),
        Path((PatchSite("mlp", 3, (LAST,)),), to_logits=True),
        Path((PatchSite("embed", 0, EVERY),), to_logits=True),
    ]


def expected(model: Model, family: Family, path: Path, through_mlps: bool = False) -> float:
    """Wang et al.'s steps: what the sender is in the source; the receivers with all others held; the target with them.

    Sites of the stream are those of `embed` and of blocks' outputs.
    """
    sent: dict[PatchSite, torch.Tensor] = {}
    own: dict[tuple[str, int], torch.Tensor] = {}
    received: dict[PatchSite, torch.Tensor] = {}
    held = ("o", "attn", "mlp")
    senders = {(site.name, site.layer) for site in path.sender}

    def run(ids: tuple[int, ...], edits: list[tuple[str, int, Edit]]) -> torch.Tensor:
        with ExitStack() as stack:
            for name, layer, use in edits:
                stack.enter_context(place(model, family, name, layer, use))
            return last_logits(model, ids)

    def taking(site: PatchSite, found: dict[PatchSite, torch.Tensor]) -> Edit:
        return lambda x: found.update({site: x[where(site, family)].clone()})

    def writing(site: PatchSite, values: dict[PatchSite, torch.Tensor]) -> Edit:
        return lambda x: x.__setitem__(where(site, family), values[site])

    run(PAIR.source, [(site.name, site.layer, taking(site, sent)) for site in path.sender])
    every = [(name, layer) for layer in range(model.layers) for name in held]
    run(PAIR.target, [(*key, lambda x, key=key: own.update({key: x.clone()})) for key in every])

    def hold(key: tuple[str, int]) -> Edit:
        def use(x: torch.Tensor) -> None:
            name, layer = key
            heads = ("o", layer) in senders  # of whose layer each head is held, and not their sum
            is_open = through_mlps if name == "mlp" else heads == (name == "attn")
            if not is_open and layer >= min(layer for _, layer in senders):
                x.copy_(own[key])

        return use

    logits = run(
        PAIR.target,
        [(site.name, site.layer, taking(site, received)) for site in path.receivers]
        + [(*key, hold(key)) for key in every]
        + [(site.name, site.layer, writing(site, sent)) for site in path.sender],
    )
    if path.to_logits:
        return ld(logits)
    return ld(run(PAIR.target, [(site.name, site.layer, writing(site, received)) for site in path.receivers]))


@contextmanager
def place(model: Model, family: Family, name: str, layer: int, use: Edit) -> Iterator[None]:
    """A hook on an activation: those of the reference, and the entry of the first block."""
    if name != "embed":
        with hooked(model, family, name, layer, use):
            yield
        return
    block = model.module.get_submodule(family.block.format(0))
    handle = block.register_forward_pre_hook(lambda _, args: use(args[0]))
    try:
        yield
    finally:
        handle.remove()


def where(site: PatchSite, family: Family) -> Any:
    return (0, list(site.positions)) if site.name == "embed" else at(site, family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("through_mlps", [False, True], ids=["direct", "through MLPs"])
def test_paths_are_those_of_the_published_steps_by_plain_hooks(family: str, through_mlps: bool) -> None:
    model = build(family)
    paths = paths_of(model)
    found = path_scores(model, PAIR, paths, A, B, ways=Ways(through_mlps)).all()[0].tolist()
    steps = [expected(model, FAMILIES[family], path, through_mlps) for path in paths]
    assert found == pytest.approx(steps, abs=CLOSE)
    plain = ld(last_logits(model, PAIR.target))
    assert sum(abs(value - plain) > 2 * CLOSE for value in steps) >= len(steps) - 1


@cache
def linear(family: str) -> Model:
    """A model without a norm or a cap between its last block and its logits, so that what is added there adds up."""
    torch.manual_seed(0)
    config = CONFIGS[family](4)
    if family == "gemma2":
        config.final_logit_softcapping = None
    module = AutoModelForCausalLM.from_config(config).eval()
    randomise(module)
    norms = [path for path, part in module.named_modules() if "norm" in type(part).__name__.lower()]
    owner, _, name = ("model.decoder.final_layer_norm" if family == "opt" else norms[-1]).rpartition(".")
    setattr(module.get_submodule(owner), name, torch.nn.Identity())
    return adopt(module, byte_tokenizer())


def every_sender(model: Model, by_head: bool) -> list[PatchSite]:
    """The embeddings and all that blocks add to the stream, at every position."""
    found = [PatchSite("embed", 0, EVERY)]
    for layer in range(model.layers):
        heads = [head(layer, number, *EVERY) for number in range(4)]
        found += [*(heads if by_head else [PatchSite("attn", layer, EVERY)]), PatchSite("mlp", layer, EVERY)]
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_direct_effects_on_the_logits_add_up_to_the_difference_where_no_norm_comes_after(family: str) -> None:
    model = linear(family)
    zero, one = (ld(last_logits(model, ids)) for ids in (PAIR.target, PAIR.source))
    attended = every_sender(model, by_head=False)
    paths = [Path((site,), to_logits=True) for site in attended]
    found = path_scores(model, PAIR, paths, A, B)
    effects = found.all()[0] - found.target
    assert float(effects.sum()) == pytest.approx(one - zero, abs=CLOSE * max(1, abs(one - zero)))
    assert float(effects.abs().max()) > 0.1
    if family in ("gemma2", "gemma3"):  # a norm comes after their heads
        return
    by_head = path_scores(model, PAIR, [Path((head(1, each, *EVERY),), to_logits=True) for each in range(4)], A, B)
    one_layer = float((by_head.all()[0] - by_head.target).sum())
    assert one_layer == pytest.approx(float(effects[attended.index(PatchSite("attn", 1, EVERY))]), abs=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("receivers", ["qkv", "attn"])
def test_sent_onward_to_all_receivers_and_the_logits_it_is_activation_patching(family: str, receivers: str) -> None:
    model = build(family)
    names = ("q", "k", "v") if receivers == "qkv" else ("attn",)
    everyone = tuple(PatchSite(name, layer, EVERY) for layer in range(model.layers) for name in (*names, "mlp"))
    senders = [
        (PatchSite("embed", 0, (4,)),),
        (head(0, 1, 3, 5),),
        (head(1, 2, 4, LAST), *((head(2, 0, LAST),) if receivers == "qkv" else ())),
        (PatchSite("attn", 1, (6,)),),
        (PatchSite("mlp", 0, EVERY),),
        (PatchSite("mlp", 3, (LAST,)),),
    ]
    after = [tuple(r for r in everyone if is_after(model, r, sender)) for sender in senders]
    paths = [Path(sender, chosen, True) for sender, chosen in zip(senders, after, strict=True)]
    found = path_scores(model, PAIR, paths, A, B, ways=Ways(onward=True)).all()[0].tolist()
    patched = patch_scores(model, PAIR, senders, A, B)
    assert found == pytest.approx(patched.all()[0].tolist(), abs=CLOSE)
    assert all(abs(value - patched.target) > 2 * CLOSE for value in found)


def is_after(model: Model, receiver: PatchSite, sender: tuple[PatchSite, ...]) -> bool:
    """Whether a receiver is none of the senders, nor computed of the same."""
    first = min(site.activation(model).locations[0].order for site in sender)
    own = {(site.name.replace("o", "attn"), site.layer) for site in sender}
    return receiver.activation(model).locations[0].order > first and (receiver.name, receiver.layer) not in own


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
def test_one_receiver_gets_the_same_onward_and_two_do_not(family: str) -> None:
    model = build(family)
    near, far = PatchSite("mlp", 1, EVERY), PatchSite("mlp", 2, EVERY)
    paths = [Path((head(0, 1, *EVERY),), each) for each in ((near,), (far,), (near, far))]
    held, onward = (path_scores(model, PAIR, paths, A, B, ways=Ways(onward=each)).all()[0] for each in (False, True))
    assert held[:2].tolist() == pytest.approx(onward[:2].tolist(), abs=CLOSE)
    assert abs(float(held[2] - onward[2])) > 2 * CLOSE


def test_a_path_that_leads_nowhere_has_the_targets_own_number() -> None:
    model = build("llama")
    sender = (head(1, 2, 5),)
    paths = [
        Path(sender, (PatchSite("q", 1, EVERY),)),  # computed before it
        Path(sender, (PatchSite("mlp", 2, (LAST,)),)),  # at another position, where nothing moves it to
        Path(sender, (PatchSite("k", 2, (4,)),)),  # before it in the text
        Path(sender, to_logits=True),
        Path(sender, (PatchSite("o", 2, (LAST,), (0,)),)),  # a head moves it
    ]
    scores = path_scores(model, PAIR, paths, A, B)
    first = next(iter(scores.runs.outcomes()))
    assert first.indices == (0, 1, 2, 3)
    assert first.logits is None
    assert scores.all()[1][:4].tolist() == [0.0] * 4
    assert abs(float(scores.all()[1][4])) > 1e-5


def test_a_sender_can_be_ablated() -> None:
    model, family = build("llama"), FAMILIES["llama"]
    pair = PromptPair(PAIR.target, PAIR.target)
    path = Path((PatchSite("mlp", 3, (LAST,)),), to_logits=True)
    (value,) = path_scores(model, pair, [path], A, B, replacement=ZERO).all()[0].tolist()
    with hooked(model, family, "mlp", 3, lambda state: state[0, LAST].zero_()):
        assert value == pytest.approx(ld(last_logits(model, PAIR.target)), abs=CLOSE)


def test_prompts_of_two_lengths_are_aligned_at_their_ends() -> None:
    model = build("llama")
    longer = PromptPair(tuple(prompt_ids(7, 2)) + PAIR.source, PAIR.target)
    site = (PatchSite("attn", 1, (LAST,)),)
    patched = patch_scores(model, longer, [site], A, B).all()[0]
    everyone = (
        PatchSite("attn", 2, EVERY),
        PatchSite("attn", 3, EVERY),
        *(PatchSite("mlp", n, EVERY) for n in (1, 2, 3)),
    )
    path = path_scores(model, longer, [Path(site, everyone, True)], A, B, ways=Ways(onward=True))
    assert path.all()[0].tolist() == pytest.approx(patched.tolist(), abs=CLOSE)


def test_no_hook_is_left_and_no_weight_changes_even_where_it_is_cancelled() -> None:
    model = build("gemma2")
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    hooks = [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()]
    own = last_logits(model, PAIR.target)
    path_scores(model, PAIR, paths_of(model), A, B).all()
    asked = iter(range(30))
    with pytest.raises(Cancelled):
        path_scores(model, PAIR, paths_of(model) * 40, A, B, cancelled=lambda: next(asked) > 20).all()
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())
    assert [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()] == hooks
    assert torch.equal(last_logits(model, PAIR.target), own)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (Path((PatchSite("q", 1, (2,)),), to_logits=True), "q of layer 1 adds nothing"),
        (Path((PatchSite("mlp", 1, (2,)),), (PatchSite("resid", 2, (2,)),)), "is the stream, which reads nothing"),
        (Path((PatchSite("mlp", 1, (2,)),)), "needs a sender and a receiver"),
        (Path((PatchSite("mlp", 9, (2,)),), to_logits=True), "Layer 9 is out of range"),
        (Path((PatchSite("mlp", 1, (40,)),), to_logits=True), "Position 40 is out of range"),
    ],
)
def test_what_cannot_send_or_receive_is_refused_with_what_can(path: Path, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        path_scores(build("llama"), PAIR, [path], A, B)


def test_a_model_that_is_not_a_decoder_is_refused() -> None:
    with pytest.raises(RequestError, match="goes on writing a text"):
        path_scores(build_kind("t5"), PAIR, [Path((PatchSite("mlp", 1, (2,)),), to_logits=True)], A, B)
