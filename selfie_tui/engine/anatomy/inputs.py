"""Arguments of a model's forward: rows of token ids with masks and positions, for each kind of model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from selfie_tui.errors import LoadError

Kind = Literal["decoder", "encoder-decoder", "encoder"]
"""A decoder goes on writing; an encoder-decoder answers a prompt; an encoder fills in masked tokens."""

CACHES = ("past_key_values", "cache_params")
"""Names of the cache among a forward's parameters and in its output."""

LM_HEAD_BY_CAUSAL = ("XLMWithLMHeadModel", "FlaubertWithLMHeadModel")
"""Classes that are a decoder or an encoder by `config.causal`."""


def kind_of(module: nn.Module) -> Kind:
    """Which kind of model a module is, by its configuration and class; a decoder where neither says."""
    config = getattr(module, "config", None)
    name = type(module).__name__
    if getattr(config, "is_encoder_decoder", False):
        return "encoder-decoder"
    if name in LM_HEAD_BY_CAUSAL:
        return "decoder" if getattr(config, "causal", False) else "encoder"
    return "encoder" if "MaskedLM" in name or name.endswith("ForPreTraining") else "decoder"


@dataclass(frozen=True)
class InputBuilder:
    """Builds the arguments of one model's forward.

    `names` are the parameters of its forward, `start` the ids with which the decoder of an encoder-decoder begins,
    `first_position` the position id of the first token (RoBERTa counts from the one after its padding id).
    """

    kind: Kind
    names: tuple[str, ...]
    start: tuple[int, ...] = ()
    first_position: int = 0

    @property
    def cache_name(self) -> str | None:
        """The name of the forward's cache, None if it keeps none."""
        return next((name for name in CACHES if name in self.names), None)

    @property
    def needs_step_mask(self) -> bool:
        """Whether a step that continues a cache takes a mask of all tokens so far; a recurrent state has none."""
        return self.cache_name == "past_key_values" and self.takes("attention_mask")

    def takes(self, name: str) -> bool:
        """Whether the forward has a parameter of that name."""
        return name in self.names

    @property
    def skips_padding(self) -> bool:
        """Whether the padding id has no position of its own, also where a text holds it (RoBERTa)."""
        return self.first_position > 0

    def has_position(self, token: int) -> bool:
        """Whether a token counts in the positions of those after it."""
        return not self.skips_padding or token != self.first_position - 1

    def positions(self, batch: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Position ids `(rows, positions)` of token ids and their mask, counted from each row's first own token.

        RoBERTa's are those that its forward makes of a text without a cache: the padding id does not count, and stands
        at the position of that number.
        """
        if not self.skips_padding:
            return (mask.cumsum(-1) - 1).clamp_min(0)
        counts = mask * (batch != self.first_position - 1)
        return counts.cumsum(-1) * counts + self.first_position - 1

    def next_position(self, tokens_before: int, token: int) -> int:
        """The position id of a token after so many that have a position."""
        return tokens_before + self.first_position if self.has_position(token) else self.first_position - 1

    def build(
        self,
        rows: Sequence[Sequence[int]],
        device: torch.device,
        prefixes: Sequence[Sequence[int]] | None = None,
        use_cache: bool = True,
    ) -> dict[str, Any]:
        """Arguments of a forward for rows of token ids: tensors `(rows, positions)` int64, the longest row deciding.

        Decoders are padded on the left, with position ids (see `positions`) where the forward has such a parameter and
        would count others by itself; encoders on the right. Shorter rows are padded with 0 and masked.
        `prefixes` are the rows that the decoder of an encoder-decoder has written, by default its start alone.
        """
        batch, mask = padded(rows, device, left=self.kind == "decoder")
        inputs: dict[str, Any] = {self.names[0] if not self.takes("input_ids") else "input_ids": batch}
        if self.takes("attention_mask"):
            inputs["attention_mask"] = mask
        if self.takes("use_cache"):
            inputs["use_cache"] = use_cache
        if self.kind == "decoder" and self.takes("position_ids") and (self.skips_padding or not bool(mask.all())):
            inputs["position_ids"] = self.positions(batch, mask)
        if self.kind == "encoder-decoder":
            written, written_mask = padded(prefixes or [self.start] * len(rows), device, left=False)
            inputs["decoder_input_ids"] = written
            if not bool(written_mask.all()):
                inputs["decoder_attention_mask"] = written_mask
        return inputs


def input_builder(module: nn.Module) -> InputBuilder:
    """The input builder of a module, by its forward's signature and its configuration."""
    kind = kind_of(module)
    return InputBuilder(
        kind=kind,
        names=names_of(module),
        start=start_of(module) if kind == "encoder-decoder" else (),
        first_position=first_position(module),
    )


def names_of(module: nn.Module) -> tuple[str, ...]:
    """The names of a forward's parameters, by the module's class: wrappers put other functions on the instance.

    Raises:
        LoadError: if there is none for token ids.
    """
    _, *parameters = inspect.signature(type(module).forward).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = tuple(parameter.name for parameter in parameters if parameter.kind in named)
    if not names or (parameters[0].kind not in named and "input_ids" not in names):
        raise LoadError(
            f"The forward of {type(module).__name__} takes no token ids by name.",
            "Give its first parameter a name, such as input_ids.",
        )
    return names


def start_of(module: Any) -> tuple[int, ...]:
    """The ids with which a decoder begins: its start token and, where the model demands one, the language's."""
    configs = [getattr(module, "generation_config", None), getattr(module, "config", None)]
    configs.append(getattr(configs[1], "decoder", None))

    def first(*names: str) -> int | None:
        found = (getattr(config, name, None) for name in names for config in configs)
        return next((value for value in found if isinstance(value, int)), None)

    start = first("decoder_start_token_id", "bos_token_id", "pad_token_id")
    return tuple(token for token in (0 if start is None else start, first("forced_bos_token_id")) if token is not None)


def first_position(module: nn.Module) -> int:
    """The position id of a first token: after the padding id where positions are embedded with one, else 0."""
    for name, part in module.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding) and part.padding_idx is not None:
            return part.padding_idx + 1
    return 0


def padded(rows: Sequence[Sequence[int]], device: torch.device, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as one tensor of ids, padded with 0, and the mask that is 1 at their own tokens: `(rows, positions)`."""
    length = max(len(row) for row in rows)
    fill = [length - len(row) for row in rows]
    pads = [([0] * count, []) if left else ([], [0] * count) for count in fill]
    batch = torch.tensor([[*pad[0], *row, *pad[1]] for row, pad in zip(rows, pads, strict=True)], device=device)
    mask = torch.tensor(
        [[*pad[0], *[1] * len(row), *pad[1]] for row, pad in zip(rows, pads, strict=True)], device=device
    )
    return batch, mask
