"""The demo model as its training sees it: a Llama forward pass in plain tensors, and its export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

EPSILON = 1e-6
HEADS, HEAD, HIDDEN, INNER, LAYERS = 8, 32, 256, 288, 8
ROPE = 10_000.0

# Norm gains that never train keep every token's state at a comparable length, so that an injected state is heard.
BLOCK_GAIN, FINAL_GAIN = 1.0, 0.3
EMBEDDING_STD, MATRIX_STD = 0.1, 0.02


class Block(NamedTuple):
    """One block's matrices, each (out, in); `qkv` and `gate_up` hold theirs one below the other."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True)
class Network:
    """The embedding, tied to the head, and the distinct blocks; layer `l` applies block `l % len(blocks)`."""

    embedding: Tensor
    blocks: list[Block]

    def matrices(self) -> list[Tensor]:
        return [tensor for block in self.blocks for tensor in block]

    def tensors(self) -> list[Tensor]:
        return [self.embedding, *self.matrices()]


def fresh(vocabulary: int, distinct_blocks: int, seed: int) -> Network:
    """A network before training."""
    generator = torch.Generator().manual_seed(seed)

    def normal(std: float, *shape: int) -> Tensor:
        return (torch.randn(*shape, generator=generator) * std).requires_grad_()

    def block() -> Block:
        return Block(
            normal(MATRIX_STD, 3 * HIDDEN, HIDDEN),
            normal(MATRIX_STD, HIDDEN, HIDDEN),
            normal(MATRIX_STD, 2 * INNER, HIDDEN),
            normal(MATRIX_STD, HIDDEN, INNER),
        )

    embedding = normal(EMBEDDING_STD, vocabulary, HIDDEN)
    return Network(embedding, [block() for _ in range(distinct_blocks)])


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """A product in bfloat16, which several CPUs multiply four times as fast, given back in float32."""
    return F.linear(x.bfloat16(), weight.bfloat16()).float()


def norm(x: Tensor) -> Tensor:
    """RMS norm with gain one."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON)


def rotations(length: int) -> tuple[Tensor, Tensor]:
    """Rotary cosines and sines, each (length, HEAD)."""
    frequencies = ROPE ** (-torch.arange(0, HEAD, 2).float() / HEAD)
    angles = torch.arange(length).float()[:, None] * frequencies
    both = torch.cat([angles, angles], dim=-1)
    return both.cos(), both.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


def apply_block(
    x: Tensor, qkv: Tensor, out: Tensor, gate_up: Tensor, down: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
) -> Tensor:
    """One block over (rows, length, HIDDEN)."""
    rows, length, _ = x.shape
    # (3, rows, heads, length, head)
    q, k, v = linear(norm(x), qkv).view(rows, length, 3, HEADS, HEAD).permute(2, 0, 3, 1, 4).unbind(0)
    q, k = rotate(q, cos, sin).bfloat16(), rotate(k, cos, sin).bfloat16()
    scores = (q @ k.transpose(-1, -2)).float() * HEAD**-0.5 + mask
    mixed = (scores.softmax(-1).bfloat16() @ v.bfloat16()).transpose(1, 2).reshape(rows, length, HIDDEN)
    x = x + linear(mixed, out)
    gate, up = linear(norm(x), gate_up).chunk(2, dim=-1)
    return x + linear(F.silu(gate) * up, down)


def loss_of(x: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the next token over the targets that are not -100; x: (n, HIDDEN), targets: (n,)."""
    return F.cross_entropy(linear(norm(x) * FINAL_GAIN, embedding), targets)


def causal_mask(length: int) -> Tensor:
    return torch.full((length, length), -1e9).triu(1)


def to_llama(network: Network, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The network as a `LlamaForCausalLM` of `LAYERS` blocks, in float32."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=network.embedding.shape[0],
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=512,
            rms_norm_eps=EPSILON,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE},
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    state = {"model.embed_tokens.weight": network.embedding, "model.norm.weight": torch.full((HIDDEN,), FINAL_GAIN)}
    for layer in range(LAYERS):
        state |= _block_state(f"model.layers.{layer}.", network.blocks[layer % len(network.blocks)])
    model.load_state_dict({name: tensor.detach().clone() for name, tensor in state.items()}, strict=False)
    model.tie_weights()
    return model.eval()


def _block_state(prefix: str, block: Block) -> dict[str, Tensor]:
    q, k, v = block.qkv.chunk(3)
    gate, up = block.gate_up.chunk(2)
    gain = torch.full((HIDDEN,), BLOCK_GAIN)
    return {
        f"{prefix}self_attn.q_proj.weight": q,
        f"{prefix}self_attn.k_proj.weight": k,
        f"{prefix}self_attn.v_proj.weight": v,
        f"{prefix}self_attn.o_proj.weight": block.out,
        f"{prefix}mlp.gate_proj.weight": gate,
        f"{prefix}mlp.up_proj.weight": up,
        f"{prefix}mlp.down_proj.weight": block.down,
        f"{prefix}input_layernorm.weight": gain,
        f"{prefix}post_attention_layernorm.weight": gain,
    }


def export(network: Network, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in bfloat16 and its tokenizer in the standard layout."""
    model = to_llama(network, tokenizer).to(torch.bfloat16)
    model.generation_config.do_sample = False
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
