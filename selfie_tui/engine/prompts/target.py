"""The interpretation prompt as each kind of model gets it: to continue, to answer, or to fill in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.chat import Rendering, parts_of
from selfie_tui.engine.prompts.placeholders import TargetPrompt, build_prompt, check_preset, exact_prompt, token_texts
from selfie_tui.engine.prompts.tokens import as_records
from selfie_tui.errors import PlaceholderError, PromptError, RequestError
from selfie_tui.kinds import MASK
from selfie_tui.records import Preset, PromptToken

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def build_target(
    model: Model, preset: Preset, max_new_tokens: int, compat: bool = False, system: bool = True
) -> TargetPrompt:
    """The prompt of `preset` as this model gets it.

    A decoder goes on with it (see `build_prompt`). The encoder of an encoder-decoder gets the user's words of a chat
    turn and its decoder the beginning of the answer; other text goes to the encoder alone. An encoder gets a chat
    turn's words without the marks, and fills the mask tokens in it: each `[MASK]` of the text, or `max_new_tokens` of
    them put at its end.

    Raises:
        PlaceholderError: as `build_prompt`.
        PromptError: if an encoder's tokenizer has no mask token.
        RequestError: if the published positions, which are those of decoders, are asked of another kind.
    """
    if model.kind == "decoder":
        return build_prompt(model.tokenizer, preset, compat, system)
    if compat:
        raise RequestError(
            f"The published positions are those of decoders, and {model.name} is an {model.kind}.",
            "Use exact positions.",
        )
    check_preset(preset)
    if model.kind == "encoder":
        return with_masks(model.tokenizer, preset, max_new_tokens)
    return with_prefix(model, preset)


def with_masks(tokenizer: PreTrainedTokenizerBase, preset: Preset, count: int) -> TargetPrompt:
    """An encoder's prompt with its mask tokens."""
    mask, mask_id = getattr(tokenizer, "mask_token", None), getattr(tokenizer, "mask_token_id", None)
    if mask is None or mask_id is None:
        raise PromptError(
            "This encoder's tokenizer has no mask token, so the encoder cannot fill anything in.",
            "Load the tokenizer that belongs to the model.",
        )
    text = " ".join(part for part in parts_of(preset.text) or (preset.text.rstrip(),) if part)
    text = text.replace(MASK, mask) if MASK in text else " ".join([text, *[mask] * count])
    prompt = exact_prompt(tokenizer, Rendering(text, ((0, len(text)),), templated=False), preset.placeholder)
    masks = tuple(index for index, token in enumerate(prompt.ids) if token == mask_id)
    if overlap := set(masks) & set(prompt.positions):
        raise PlaceholderError(
            f"Token {min(overlap)} is placeholder and mask at once.", f"Choose a placeholder other than {MASK}."
        )
    return replace(prompt, masks=masks)


def with_prefix(model: Model, preset: Preset) -> TargetPrompt:
    """An encoder-decoder's prompt: what its encoder reads, and with what its decoder begins."""
    parts = parts_of(preset.text) or (preset.text, "")
    renderings = [
        Rendering(part, ((0, len(part)),), templated=part_of_decoder)
        for part, part_of_decoder in zip(parts, (False, True), strict=True)
    ]
    read, begun = (exact_prompt(model.tokenizer, part, preset.placeholder, needed=False) for part in renderings)
    if not read.ids:
        raise PromptError(
            "The encoder would get no tokens: the part before [/INST] is empty, and this tokenizer adds none.",
            "Write something between [INST] and [/INST].",
        )
    if not read.positions and not begun.positions:
        text = Rendering(preset.text, ((0, len(preset.text)),), templated=False)
        exact_prompt(model.tokenizer, text, preset.placeholder)  # refuses a text without a placeholder
    start = model.feed.start
    prefix = TargetPrompt(
        text=begun.text,
        ids=(*start, *begun.ids),
        positions=tuple(position + len(start) for position in begun.positions),
        tokens=(*token_texts(model.tokenizer, start), *begun.tokens),
        cuts=tuple(position + len(start) for position in begun.cuts),
    )
    return replace(read, prefix=prefix)


def target_tokens(
    model: Model, preset: Preset, max_new_tokens: int = 1, compat: bool = False, system: bool = True
) -> tuple[PromptToken, ...]:
    """The tokens of an interpretation prompt, each with whether it is overwritten; raises as `build_target`.

    Those that the decoder of an encoder-decoder begins with come after the encoder's.
    """
    target = build_target(model, preset, max_new_tokens, compat, system)
    ids, overwritten, cuts = target.ids, set(target.positions), set(target.cuts)
    if target.prefix:
        overwritten |= {len(ids) + position for position in target.prefix.positions}
        cuts |= {len(ids) + position for position in target.prefix.cuts}
        ids = ids + target.prefix.ids
    return tuple(
        PromptToken(
            token,
            overwritten=token.position in overwritten,
            filled=token.position in target.masks,
            cut=token.position in cuts,
            system=token.position in target.system,
        )
        for token in as_records(model.tokenizer, ids)
    )
