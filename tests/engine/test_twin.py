"""The anatomy is data: it pickles in a few KB, and what a small random twin shows holds for the model itself."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from selfie_tui.engine.anatomy.finding import find_anatomy
from selfie_tui.engine.anatomy.inputs import input_builder
from selfie_tui.engine.anatomy.places import Anatomy
from selfie_tui.engine.anatomy.shrink import randomise
from selfie_tui.engine.anatomy.shrink_rules import HIDDEN, LAYERS
from selfie_tui.engine.anatomy.twin import anatomy_by_twin, build_twin, scale_anatomy
from selfie_tui.engine.model import adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError
from selfie_tui.records import EMBED
from tests.engine.zoo import VOCABULARY, byte_tokenizer, prompt_ids

WIDE = {"hidden_size": 96, "num_attention_heads": 6, "intermediate_size": 112, "vocab_size": 200}
GQA = {**WIDE, "num_key_value_heads": 3}
T5 = {"d_model": 96, "num_heads": 6, "d_kv": 16, "d_ff": 112, "vocab_size": 200}
BART = {"d_model": 96, "vocab_size": 200, "encoder_ffn_dim": 112, "decoder_ffn_dim": 112}
BART |= {"encoder_attention_heads": 6, "decoder_attention_heads": 6}
GPT = {"n_embd": 96, "n_head": 6, "vocab_size": 200}
JAMBA = {"attn_layer_period": 4, "attn_layer_offset": 2, "num_experts": 2, "use_mamba_kernels": False}

FAMILIES: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "llama": (AutoModelForCausalLM, GQA, ("num_hidden_layers",)),
    "gpt2": (AutoModelForCausalLM, GPT, ("n_layer",)),
    "gptj": (AutoModelForCausalLM, {**GPT, "rotary_dim": 8}, ("n_layer",)),
    "gpt_neox": (AutoModelForCausalLM, WIDE, ("num_hidden_layers",)),
    "gemma2": (AutoModelForCausalLM, {**GQA, "head_dim": 16}, ("num_hidden_layers",)),
    "granite": (AutoModelForCausalLM, {**GQA, "logits_scaling": 3.0}, ("num_hidden_layers",)),
    "cohere": (AutoModelForCausalLM, {**GQA, "logit_scale": 0.25}, ("num_hidden_layers",)),
    "mixtral": (AutoModelForCausalLM, {**GQA, "num_local_experts": 6}, ("num_hidden_layers",)),
    "mamba": (AutoModelForCausalLM, {"hidden_size": 96, "vocab_size": 200}, ("num_hidden_layers",)),
    "jamba": (AutoModelForCausalLM, {**GQA, **JAMBA}, ("num_hidden_layers",)),
    "xlm": (AutoModelForCausalLM, {"emb_dim": 96, "n_heads": 6, "vocab_size": 200, "causal": True}, ("n_layers",)),
    "t5": (AutoModelForSeq2SeqLM, T5, ("num_layers", "num_decoder_layers")),
    "bart": (AutoModelForSeq2SeqLM, BART, ("encoder_layers", "decoder_layers")),
    "bert": (AutoModelForMaskedLM, WIDE, ("num_hidden_layers",)),
    "albert": (AutoModelForMaskedLM, {**WIDE, "embedding_size": 96}, ("num_hidden_layers",)),
}
DEEPER = 7


def config_of(family: str, *depths: int) -> Any:
    """A configuration of a family wider than any twin; the first depth is the encoder's where there are two."""
    _, sizes, fields = FAMILIES[family]
    counts = dict(zip(fields, depths * len(fields), strict=False))
    return CONFIG_MAPPING[family](**sizes, **counts, bos_token_id=0, eos_token_id=1, pad_token_id=2)


def built(family: str, config: Any) -> Any:
    """A random model of its full size."""
    torch.manual_seed(1)
    module = FAMILIES[family][0].from_config(config, dtype=torch.float32).eval()
    randomise(module)
    return module


def found_on(module: Any) -> Anatomy:
    return find_anatomy(module, input_builder(module), torch.device("cpu"))


@pytest.mark.parametrize("layers", [LAYERS, DEEPER])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_anatomy_found_on_a_twin_is_that_of_the_model(family: str, layers: int) -> None:
    config = config_of(family, layers)
    module = built(family, config)
    anatomy = anatomy_by_twin(type(module), config)
    assert anatomy == found_on(module)
    assert [len(stack.blocks) for stack in anatomy.stacks] == [layers] * len(anatomy.stacks)
    assert anatomy.main.width > HIDDEN


def test_an_encoder_and_a_decoder_of_unlike_depth_are_scaled_each_to_its_own() -> None:
    config = config_of("t5", 3, DEEPER)
    module = built("t5", config)
    anatomy = anatomy_by_twin(type(module), config)
    assert anatomy == found_on(module)
    assert [len(stack.blocks) for stack in anatomy.stacks] == [3, DEEPER]


def test_a_twin_in_another_number_format_has_the_streams_of_that_format() -> None:
    config = config_of("llama", DEEPER)
    module = built("llama", config).to(torch.bfloat16)
    anatomy = anatomy_by_twin(type(module), config, torch.bfloat16)
    assert anatomy == found_on(module)
    assert anatomy.main.dtype == torch.bfloat16


def test_a_model_of_another_structure_is_refused() -> None:
    twin = build_twin(LlamaForCausalLM, config_of("llama", LAYERS))
    with pytest.raises(LoadError, match=r"has no model\.norm|are not one call"):
        scale_anatomy(found_on(twin), twin, built("gpt2", config_of("gpt2", LAYERS)))


def test_drawing_a_twin_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_twin(LlamaForCausalLM, config_of("llama", LAYERS))
    assert torch.equal(torch.rand(3), expected)


def smollm2(hidden: int) -> Any:
    """SmolLM2-135M's depth and shape."""
    sizes = {"hidden_size": hidden, "intermediate_size": 8 * hidden // 3, "num_hidden_layers": 30}
    return LlamaConfig(
        **sizes, num_attention_heads=9, num_key_value_heads=3, vocab_size=VOCABULARY, tie_word_embeddings=True
    )


def test_an_anatomy_pickles_in_a_few_kilobytes_whatever_the_models_width() -> None:
    sizes = {}
    for hidden in (72, 288):
        torch.manual_seed(0)
        anatomy = found_on(LlamaForCausalLM(smollm2(hidden)).eval())
        written = pickle.dumps(anatomy)
        assert pickle.loads(written) == anatomy
        sizes[hidden] = len(written)
    assert abs(sizes[72] - sizes[288]) < 16
    assert sizes[72] < 4096


class NoModules(pickle.Pickler):
    """A pickler that refuses modules and tensors wherever they hide."""

    def reducer_override(self, value: Any) -> Any:
        assert not isinstance(value, (nn.Module, torch.Tensor)), type(value)
        return NotImplemented


@pytest.mark.parametrize("family", ["llama", "t5", "albert"])
def test_an_anatomy_holds_neither_modules_nor_tensors(family: str) -> None:
    NoModules(io.BytesIO()).dump(found_on(built(family, config_of(family, LAYERS))))


def test_a_pickled_anatomy_serves_another_model_of_the_same_structure() -> None:
    config = config_of("llama", DEEPER)
    anatomy = pickle.loads(pickle.dumps(anatomy_by_twin(LlamaForCausalLM, config)))
    model = adopt(built("llama", config), byte_tokenizer())
    expected = model.read(prompt_ids(), [EMBED, 3, DEEPER - 1], [2, 5])
    again = adopt(built("llama", config), byte_tokenizer())
    again.anatomy = anatomy
    states = verify(again).read(prompt_ids(), [EMBED, 3, DEEPER - 1], [2, 5])
    assert again.verdict == "verified"
    assert all(torch.equal(states[layer], expected[layer]) for layer in expected)
