"""The interpretation prompt as a library's user makes it: from pieces, from a template, or from a preset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from selfie_tui.engine.prompts.placeholders import build_prompt
from selfie_tui.errors import PlaceholderError, RequestError
from selfie_tui.library.arguments import as_list, check_tokenizer, describe
from selfie_tui.presets import preset_called
from selfie_tui.records import Preset
from selfie_tui.text import visible

COMPAT = "selfie"
OWN_TEXT = "InterpretationPrompt(tokenizer, text)"
STAND_INS = "_?*#@~^+=%&$"
"""What a placeholder of a sequence is written as: the first that is not in the sequence's own text."""


class InterpretationPrompt:
    """A text and the tokens of it that an activation is written over.

    Args:
        tokenizer: of the model that will read the prompt; on another model the prompt is built anew with that one's.
        sequence: strings, which are text, and anything else (0, or `PLACEHOLDER`), which is a placeholder, as in
            `["[INST]", 0, 0, 0, "[/INST] Sure, I will summarize:"]`; or one string in which each `_` that stands
            alone is a placeholder; or a preset. `[INST]…[/INST]` is a chat turn (see `records.Preset`).
        compat: `"selfie"` (or True) for the positions that SelfIE (arXiv 2403.10949) and NNsight Selfie compute, which
            are off where tokens merge; None (or False) for the placeholders' own tokens.

    Raises:
        PlaceholderError: without a placeholder, or if one cannot be overwritten alone, with what to change.
        RequestError: for another `compat`, or what is not a tokenizer or not a sequence.
    """

    PLACEHOLDER = 0

    def __init__(
        self, tokenizer: Any, sequence: str | Iterable[Any] | Preset, compat: bool | str | None = None
    ) -> None:
        check_tokenizer(tokenizer)
        self.compat = check_compat(compat)
        exact = self.compat is None
        self.preset = sequence if isinstance(sequence, Preset) else preset_from(sequence, exact)
        self._target = build_prompt(tokenizer, self.preset, compat=not exact)

    @classmethod
    def create_simple_prompt(
        cls, tokenizer: Any, text: str = "This means _", compat: bool | str | None = None
    ) -> InterpretationPrompt:
        """A prompt from a text in which `_` is the placeholder."""
        return cls(tokenizer, text, compat)

    @classmethod
    def create_concept_prompt(cls, tokenizer: Any, compat: bool | str | None = None) -> InterpretationPrompt:
        """`This _ _ _ _ _ represents the concept of`"""
        return cls(tokenizer, preset_called("concept"), compat)

    @classmethod
    def create_sentiment_prompt(cls, tokenizer: Any, compat: bool | str | None = None) -> InterpretationPrompt:
        """`This expresses the sentiment of _ _ _ _ _`"""
        return cls(tokenizer, preset_called("sentiment"), compat)

    @classmethod
    def create_entity_prompt(cls, tokenizer: Any, compat: bool | str | None = None) -> InterpretationPrompt:
        """`This refers to the entity _ _ _ _ _`"""
        return cls(tokenizer, preset_called("refers-to"), compat)

    @property
    def text(self) -> str:
        """The text that is encoded, chat template included."""
        return self._target.text

    interpretation_prompt = text

    @property
    def ids(self) -> tuple[int, ...]:
        """Token ids, special tokens included."""
        return self._target.ids

    @property
    def tokens(self) -> tuple[str, ...]:
        """The text of each token."""
        return self._target.tokens

    @property
    def insert_locations(self) -> list[int]:
        """Positions of the tokens that are overwritten."""
        return list(self._target.positions)

    def __repr__(self) -> str:
        """The prompt's tokens, those that are overwritten in `«»`, and `|` where it is tokenised in pieces."""
        overwritten, cuts = frozenset(self._target.positions), frozenset(self._target.cuts)
        shown = (
            ("|" if position in cuts else "") + (f"«{visible(token)}»" if position in overwritten else visible(token))
            for position, token in enumerate(self._target.tokens)
        )
        compat = f", compat={self.compat!r}" if self.compat else ""
        return f"InterpretationPrompt({self.preset.name}: {''.join(shown)}{compat})"


def preset_from(sequence: str | Iterable[Any], exact: bool = True) -> Preset:
    """The preset of a text, or of a sequence of texts and placeholders.

    A placeholder is written with a space after it, as in SelfIE. For exact positions it also gets one before it where
    a letter or digit is there, and no space is left at the end, where it would be a token of its own.

    Raises:
        PlaceholderError: if every character that could stand in for a placeholder is in the text.
        RequestError: for what is neither a text nor a sequence.
    """
    if isinstance(sequence, str):
        return Preset("custom", sequence)
    parts = as_list(sequence, "text and placeholder")
    texts = "".join(part for part in parts if isinstance(part, str))
    stand_in = next((char for char in STAND_INS if char not in texts), None)
    if stand_in is None:
        raise PlaceholderError(
            f"The text holds all of {STAND_INS}, so that none can stand for a placeholder.", "Leave one of them out."
        )
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            text += f" {stand_in} " if exact and text[-1:].isalnum() else f"{stand_in} "
    ends_in_placeholder = bool(parts) and not isinstance(parts[-1], str)
    return Preset("custom", text[:-1] if exact and ends_in_placeholder else text, placeholder=stand_in)


def check_compat(compat: object) -> str | None:
    """`"selfie"` for that and for True, None for None and False.

    Raises:
        RequestError: for anything else.
    """
    if compat is None or compat is False:
        return None
    if compat is True or compat == COMPAT:
        return COMPAT
    raise RequestError(f"Unknown compat {describe(compat)}.", f"Use “{COMPAT}”, or None for exact positions.")


Prompt = InterpretationPrompt | Preset | str
"""An interpretation prompt, a preset, or a preset's name."""


def resolve_prompt(prompt: Prompt) -> tuple[Preset, bool]:
    """The preset of an interpretation prompt, and whether that was made for the published positions.

    Raises:
        RequestError: for an unknown preset, or what is not an interpretation prompt.
    """
    if isinstance(prompt, InterpretationPrompt):
        return prompt.preset, prompt.compat is not None
    return as_preset(prompt), False


def as_preset(value: object) -> Preset:
    """A preset as it is, or the one of that name.

    Raises:
        RequestError: for the text of a prompt, and for anything else.
    """
    if isinstance(value, Preset):
        return value
    if not isinstance(value, str):
        raise RequestError(
            f"Expected an interpretation prompt, got {describe(value)}.", f"Give a preset's name, or {OWN_TEXT}."
        )
    try:
        return preset_called(value)
    except RequestError as error:
        if " " not in value and "_" not in value:
            raise
        raise RequestError(error.cause, f"{error.remedy} For a text of your own give {OWN_TEXT}.") from None
