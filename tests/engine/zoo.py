"""Small random models of several families whose norms are random too, so that a norm applied twice shows."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoXConfig,
    JambaConfig,
    LlamaConfig,
    MixtralConfig,
    MptConfig,
    Olmo2Config,
    OPTConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from selfie_tui.engine.model import Model, adopt

VOCABULARY = 160
HIDDEN = 64
SPECIAL = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
LLAMA_LIKE = {
    "hidden_size": HIDDEN,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
    **SPECIAL,
}

CONFIGS = {
    "gpt2": lambda layers: GPT2Config(
        n_layer=layers, n_embd=HIDDEN, n_head=4, vocab_size=VOCABULARY, n_positions=128, **SPECIAL
    ),
    "llama": lambda layers: LlamaConfig(num_hidden_layers=layers, **LLAMA_LIKE),
    "neox": lambda layers: GPTNeoXConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=96,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
        **SPECIAL,
    ),
    "gemma2": lambda layers: Gemma2Config(
        num_hidden_layers=layers, head_dim=16, sliding_window=64, query_pre_attn_scalar=16, **LLAMA_LIKE
    ),
    "gemma3": lambda layers: Gemma3TextConfig(
        num_hidden_layers=layers, head_dim=16, sliding_window=64, query_pre_attn_scalar=16, **LLAMA_LIKE
    ),
    "qwen3": lambda layers: Qwen3Config(num_hidden_layers=layers, head_dim=16, **LLAMA_LIKE),
    "opt": lambda layers: OPTConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=4,
        ffn_dim=96,
        vocab_size=VOCABULARY,
        word_embed_proj_dim=48,
        max_position_embeddings=128,
        **SPECIAL,
    ),
    "bloom": lambda layers: BloomConfig(hidden_size=HIDDEN, n_layer=layers, n_head=4, vocab_size=VOCABULARY, **SPECIAL),
    "falcon": lambda layers: FalconConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=4,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
        **SPECIAL,
    ),
    "falcon-grouped": lambda layers: FalconConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_kv_heads=2,
        new_decoder_architecture=True,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
        **SPECIAL,
    ),
    "gptj": lambda layers: GPTJConfig(
        n_layer=layers, n_embd=HIDDEN, n_head=4, rotary_dim=8, vocab_size=VOCABULARY, n_positions=128, **SPECIAL
    ),
    "phi3": lambda layers: Phi3Config(num_hidden_layers=layers, **LLAMA_LIKE),
    "olmo2": lambda layers: Olmo2Config(num_hidden_layers=layers, **LLAMA_LIKE),
    "mixtral": lambda layers: MixtralConfig(
        num_hidden_layers=layers, num_local_experts=4, num_experts_per_tok=2, **LLAMA_LIKE
    ),
    "jamba": lambda layers: JambaConfig(
        num_hidden_layers=layers,
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        num_experts=4,
        mamba_d_state=8,
        use_mamba_kernels=False,
        **LLAMA_LIKE,
    ),
    "mpt": lambda layers: MptConfig(
        d_model=HIDDEN, n_heads=4, n_layers=layers, vocab_size=VOCABULARY, max_seq_len=128, **SPECIAL
    ),
}
FAMILIES = tuple(CONFIGS)

WORDS = "the Eiffel Tower is located in city of Paris a man with hat _ x ? : Sure I will summarize message".split()  # noqa: SIM905 - read as a sentence


@cache
def build(family: str, layers: int = 4, seed: int = 0) -> Model:
    """A random model of a family in float32, with its tokenizer."""
    torch.manual_seed(seed)
    module = AutoModelForCausalLM.from_config(CONFIGS[family](layers)).eval()
    randomise(module)
    return adopt(module, byte_tokenizer(), name=f"random-{family}")


def randomise(module: Any) -> None:
    """Spread the weights and draw norms at random, so that logits are far apart and no norm is the identity."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() == 1:
                spread = torch.randn_like(parameter)
                parameter.copy_(1 + 0.4 * spread if name.endswith("weight") else 0.2 * spread)
            else:
                parameter.copy_(0.18 * torch.randn_like(parameter))


@cache
def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose vocabulary is the printable bytes and a few whole words; 160 entries, BOS added."""
    tokens = ["<s>", "</s>", "<pad>", *(f"Ġ{word}" for word in WORDS)]
    tokens += [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]
    tokens = list(dict.fromkeys(tokens))
    tokens += [f"<extra{index}>" for index in range(VOCABULARY - len(tokens))]
    backend = Tokenizer(models.WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="<pad>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<pad>"
    )


def prompt_ids(seed: int = 0, length: int = 9) -> list[int]:
    """Random ordinary token ids."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
