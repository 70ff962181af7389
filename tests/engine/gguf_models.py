"""Writes a Llama and its tokenizer as a GGUF file, as llama.cpp's converter does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, quants
from transformers import LlamaForCausalLM

from tests.engine.tokenizers_zoo import BOS, EOS, PAD, SPECIAL

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""llama.cpp's names of a Llama's tensors, and of the parts of its blocks."""

NORMAL, CONTROL = 1, 3
"""Types of tokens."""


def write_gguf(
    path: Path,
    module: LlamaForCausalLM,
    tokenizer: Any,
    kind: GGMLQuantizationType = GGMLQuantizationType.F32,
    architecture: str = "llama",
    metadata: Mapping[str, int] | None = None,
) -> Path:
    """Write a Llama with its byte-level tokenizer, its matrices in a number format; the path."""
    writer = GGUFWriter(path, architecture)
    config = module.config
    writer.add_name("small llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    for key, value in (metadata or {}).items():
        writer.add_uint32(key, value)
    add_tokenizer(writer, tokenizer)
    for name, weight in module.state_dict().items():
        array = permuted(name, weight, config).float().numpy()
        plain = array.ndim == 1 or kind == GGMLQuantizationType.F32
        stored = GGMLQuantizationType.F32 if plain else kind
        writer.add_tensor(gguf_name(name), quants.quantize(np.ascontiguousarray(array), stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_tokenizer(writer: GGUFWriter, tokenizer: Any) -> None:
    """Add the vocabulary, the merges and the special tokens of a byte-level tokenizer, and a chat template."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(model["vocab"][BOS])
    writer.add_eos_token_id(model["vocab"][EOS])
    writer.add_pad_token_id(model["vocab"][PAD])
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def gguf_name(name: str) -> str:
    """llama.cpp's name of a tensor."""
    if name in NAMES:
        return NAMES[name]
    block, _, part = name.removeprefix("model.layers.").partition(".")
    module, _, suffix = part.rpartition(".")
    return f"blk.{block}.{NAMES[module]}.{suffix}"


def permuted(name: str, weight: torch.Tensor, config: Any) -> torch.Tensor:
    """A weight in llama.cpp's order: rows of queries and keys alternate between the halves of a head."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = next((count for part, count in heads.items() if part in name), None)
    if count is None:
        return weight
    return weight.reshape(count, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
