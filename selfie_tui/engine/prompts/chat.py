"""An interpretation prompt rendered by the chat template, with the spans of the words that are not the template's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfie_tui.engine.prompts.deadline import TookTooLong, within
from selfie_tui.errors import PlaceholderError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TURN = re.compile(r"\[INST\](?P<user>.*?)\[/INST\](?P<answer>.*)", re.DOTALL)
_STAND_IN = "Zq7mStandInForTheMessage4vX"
SECONDS = 5.0
"""How long a template may take for one message; they take milliseconds."""

_too_slow: set[str] = set()
_PLAIN_TEXT = "Write the prompt as plain text, without [INST] and [/INST]."


@dataclass(frozen=True)
class Rendering:
    """Text to encode: `own` are the spans of the user's and the answer's words in it.

    `templated` text brings its own special tokens.
    """

    text: str
    own: tuple[tuple[int, int], ...]
    templated: bool


def render(tokenizer: PreTrainedTokenizerBase | None, text: str) -> Rendering:
    """`text` through the tokenizer's chat template if it is a chat turn and there is a template, else as it stands.

    White space around the user's words belongs to the `[INST]` notation and not to the message. The space before the
    answer is dropped where the template ends in white space of its own.

    Raises PlaceholderError if the template refuses the message or does not contain it unchanged, exactly once.
    """
    turn = _TURN.fullmatch(text)
    if turn is None:
        return Rendering(text, ((0, len(text)),), templated=False)
    if tokenizer is None or not getattr(tokenizer, "chat_template", None):
        return Rendering(text, (turn.span("user"), turn.span("answer")), templated=False)
    user, answer = turn["user"].strip(), turn["answer"]
    before, after = _around(tokenizer, user)
    head = before + user + after
    if head[-1:].isspace():
        answer = answer.removeprefix(" ")
    own = ((len(before), len(before) + len(user)), (len(head), len(head) + len(answer)))
    return Rendering(head + answer, own, templated=True)


def parts_of(text: str) -> tuple[str, str] | None:
    """The user's words and the beginning of the answer of a chat turn; None for other text."""
    turn = _TURN.fullmatch(text)
    return None if turn is None else (turn["user"].strip(), turn["answer"].strip())


def spaced_turn(text: str) -> str:
    """A chat turn with one space between `[INST]`, the user's words and `[/INST]`; other text as it is."""
    turn = _TURN.fullmatch(text)
    return text if turn is None else f"[INST] {turn['user'].strip()} [/INST]{turn['answer']}"


def _around(tokenizer: PreTrainedTokenizerBase, user: str) -> tuple[str, str]:
    """The template's text before and after the user's message.

    A second message of known content shows where the template puts it: the words themselves may also occur in the
    template's own text. Templates of models that see images take a message as a list of parts.
    """
    problem = "does not contain the message exactly once and unchanged"
    for in_parts in (False, True):
        try:
            rendered = _rendered(tokenizer, user, in_parts)
            before, *rest = _rendered(tokenizer, _STAND_IN, in_parts).split(_STAND_IN)
        except TookTooLong:
            problem = f"takes longer than {SECONDS:.0f} s"
            break
        except Exception as error:  # noqa: BLE001 - a template is foreign code and raises what it likes
            problem = problem if in_parts else f"refuses the message: {error}"
            continue
        if len(rest) == 1 and rendered == before + user + rest[0]:
            return before, rest[0]
    raise PlaceholderError(f"The model's chat template {problem.rstrip('.')}.", _PLAIN_TEXT)


def _rendered(tokenizer: PreTrainedTokenizerBase, user: str, in_parts: bool) -> str:
    """The message through the template, within `SECONDS`; a template that took longer once is not tried again.

    Raises:
        TookTooLong: if the template takes longer.
    """
    template = str(tokenizer.chat_template)
    if template in _too_slow:
        raise TookTooLong
    content: Any = [{"type": "text", "text": user}] if in_parts else user
    messages = [{"role": "user", "content": content}]
    try:
        return within(
            SECONDS, lambda: str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        )
    except TookTooLong:
        _too_slow.add(template)
        raise
