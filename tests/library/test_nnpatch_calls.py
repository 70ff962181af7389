"""The code of nnpatch's readme runs as written, but for the import's name, and gives what plain hooks give."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from nnsight import NNsight
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.engine.zoo import randomise
from tests.library.nnpatch_calls import AUTOMATED, CUSTOM

LAYERS, HEADS, SIZE, LENGTH = 13, 24, 4, 104
WORDS = [f"word{number}" for number in range(40)]


def tokenizer() -> PreTrainedTokenizerFast:
    """Splits at spaces, and keeps ends of lines as tokens."""
    vocabulary = {token: index for index, token in enumerate(["<pad>", "<unk>", "\n", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(" "), "removed"), pre_tokenizers.Split("\n", "isolated")]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with as many layers and heads as the readme names, and a table of prompts, one of them shorter."""
    path = tmp_path_factory.mktemp("readme")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=43, hidden_size=HEADS * SIZE, intermediate_size=64, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=8, max_position_embeddings=256, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    randomise(model)
    model.save_pretrained(path / "model")
    tokenizer().save_pretrained(path / "model")
    lines = ["source_prompts,target_prompts,source_answers,target_answers"]
    generator = torch.Generator().manual_seed(0)
    for length in (LENGTH - 1, LENGTH - 3):
        texts = [
            " ".join(WORDS[index] for index in torch.randint(0, 40, (length,), generator=generator)) for _ in range(2)
        ]
        lines.append(f'"{texts[0]}\n","{texts[1]}\n",{WORDS[3]},{WORDS[7]}')
    (path / "validation.csv").write_text("\n".join(lines))
    return path


def run(code: str, folder: Path) -> dict[str, Any]:
    """The names after a block, with what it does not define itself: torch, a device, the nnsight model, and tokens."""
    placed = code.replace("your-model-id", str(folder / "model"))
    script = folder / f"block{abs(hash(code))}.py"  # nnsight reads a trace's source from its file
    script.write_text(placed.replace("path/to/your/validation.csv", str(folder / "validation.csv")))
    nnmodel = NNsight(LlamaForCausalLM.from_pretrained(folder / "model").eval())
    given = {"torch": torch, "device": "cpu", "nnmodel": nnmodel, "source_tokens": torch.zeros(2, LENGTH)}
    return runpy.run_path(str(script), init_globals=given)


def last_difference(module: Any, ids: torch.Tensor, mask: torch.Tensor, answers: tuple[torch.Tensor, ...]) -> float:
    """The mean logit difference of a padded batch, with position ids."""
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    with torch.no_grad():
        logits = module(ids, attention_mask=mask, position_ids=positions).logits[:, -1]
    rows = torch.arange(len(ids))
    return float((logits[rows, answers[0]] - logits[rows, answers[1]]).mean())


def first_kept(where: Any) -> Any:
    """A hook that keeps the output of its first call, and writes it over those of the others."""
    kept: list[torch.Tensor] = []

    def write(_: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if not kept:
            kept.append(state.clone())
        state[where] = kept[0][where]

    return write


def test_the_automated_block_gives_a_tensor_of_each_site_that_plain_hooks_confirm(folder: Path) -> None:
    names = run(AUTOMATED, folder)
    out, module = names["out"], names["nnmodel"]._module
    assert list(out) == names["site_names"]
    heads = {"resid": (), "attn": (), "mlp": (), "o": (HEADS,), "q": (HEADS,), "k": (8,), "v": (8,)}
    assert {name: tuple(tensor.shape) for name, tensor in out.items()} == {
        name: (LAYERS, LENGTH, *heads[name]) for name in out
    }
    ran = torch.zeros(LAYERS, LENGTH, dtype=torch.bool)
    ran[1:5, [LENGTH - 3, LENGTH - 102]] = True
    for name, tensor in out.items():
        assert torch.equal(~tensor.isnan(), ran.reshape(*ran.shape, *[1] * len(heads[name])).expand_as(tensor))
    answers = names["source_answer_index"], names["target_answer_index"]
    mask, prompts = names["attention_mask"], (names["source_prompts"], names["target_prompts"])
    one, zero = (last_difference(module, ids, mask, answers) for ids in prompts)
    for name, layer, position, head in (
        ("resid", 2, -3, None),
        ("attn", 4, -102, None),
        ("q", 3, -3, 5),
        ("v", 1, -3, 6),
    ):
        layers = module.model.layers[layer]
        part = {"resid": layers, "attn": layers.self_attn, "q": layers.self_attn.q_proj, "v": layers.self_attn.v_proj}
        columns = slice(None) if head is None else slice(head * SIZE, (head + 1) * SIZE)
        kept: list[torch.Tensor] = []

        def write(
            _: Any, args: Any, output: Any, kept: Any = kept, position: int = position, columns: Any = columns
        ) -> None:
            state = output[0] if isinstance(output, tuple) else output
            if not kept:
                kept.append(state.clone())
            state[:, position, columns] = kept[0][:, position, columns]

        handle = part[name].register_forward_hook(write)
        last_difference(module, prompts[0], mask, answers)
        value = last_difference(module, prompts[1], mask, answers)
        handle.remove()
        found = out[name][layer, position] if head is None else out[name][layer, position, head]
        assert float(found) == pytest.approx((value - zero) / (one - zero), abs=2e-4)


def test_the_block_of_traces_takes_and_writes_one_heads_query(folder: Path) -> None:
    names = run(CUSTOM, folder)
    (site,) = names["sites"]
    module, mask = names["nnmodel"]._module, names["attention_mask"]
    kept: list[torch.Tensor] = []
    part = module.model.layers[12].self_attn.q_proj
    handle = part.register_forward_hook(lambda _, args, out: kept.append(out[:, -1, 23 * SIZE : 24 * SIZE].clone()))
    with torch.no_grad():
        module(names["source_prompts"], attention_mask=mask)
        handle.remove()
        torch.testing.assert_close(site.cached[:, 0, 0], kept[0])
        plain = module(names["target_prompts"], attention_mask=mask).logits[:, -1]
    nnmodel, target = names["nnmodel"], names["target_prompts"]
    with torch.no_grad(), nnmodel.trace(target, attention_mask=mask):
        site.patch(nnmodel)
        patched = nnmodel.output.logits[:, -1].save()

    def write(_: Any, args: Any, out: torch.Tensor) -> None:
        out[:, -1, 23 * SIZE : 24 * SIZE] = kept[0]

    handle = part.register_forward_hook(write)
    with torch.no_grad():
        expected = module(target, attention_mask=mask).logits[:, -1]
    handle.remove()
    torch.testing.assert_close(patched, expected, atol=1e-4, rtol=0)
    assert not torch.allclose(plain, expected, atol=1e-4)
