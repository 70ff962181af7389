"""The types of model whose small versions are unusual, or that take no text, and why."""

from __future__ import annotations

# Perceiver answers for every position it could have, whatever the length of the text.
ANSWERS_ALL_POSITIONS = frozenset({"perceiver"})

# Types whose tokens do not reach one another on a CPU, and why.
DEAF: dict[str, str] = {"mra": "its attention answers zeros without its CUDA kernel"}

# Causal language models by mapping, yet a later token changes the logits of an earlier one.
NOT_CAUSAL: dict[str, str] = {
    "cpmant": "every token of a prompt attends to every other",
    "fsmt": "with a cache, the answer's tokens given together all see one another",
    "prophetnet": "its predicting stream reads the relative positions of other tokens",
    "xlnet": "attends both ways unless a permutation mask is given",
}

NOT_TEXT: dict[tuple[str, str], str] = {
    ("causal", "musicgen"): "continues audio codes, takes no text tokens alone",
    ("causal", "musicgen_melody"): "continues audio codes, takes no text tokens alone",
    ("causal", "gemma3n"): "has a vision tower of timm, which needs timm and Pillow; its text half is gemma3n_text",
    ("causal", "gemma4_assistant"): "drafts from another model's embeddings and keys, refuses token ids alone",
    ("causal", "gemma4_unified_assistant"): "drafts from another model's embeddings and keys, refuses token ids alone",
    ("seq2seq", "voxtral_realtime"): "adds a frame of audio to every token, refuses token ids without audio",
}
