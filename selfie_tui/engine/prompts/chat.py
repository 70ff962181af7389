"""An interpretation prompt rendered by the chat template, with the spans of the words that are not the template's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selfie_tui.engine.prompts.deadline import TookTooLong, within
from selfie_tui.errors import PlaceholderError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]
"""Characters from the first number up to the second."""

_TURN = re.compile(r"\[INST\](?P<user>.*?)\[/INST\](?P<answer>.*)", re.DOTALL)
_STAND_IN = "Zq7mStandInForTheMessage4vX"
SECONDS = 5.0
"""How long a template may take for one message; they take milliseconds."""

_too_slow: set[tuple[str, int]] = set()
_PLAIN_TEXT = "Write the prompt as plain text, without [INST] and [/INST]."


@dataclass(frozen=True)
class Rendering:
    """Text to encode: `own` are the spans of the user's and the answer's words in it.

    `templated` text brings its own special tokens. `system` is the span of what the template writes by itself before
    the conversation, such as "You are a helpful AI assistant"; it is empty where there is none.
    """

    text: str
    own: tuple[Span, ...]
    templated: bool
    system: Span = (0, 0)


def render(tokenizer: PreTrainedTokenizerBase | None, text: str, system: bool = True) -> Rendering:
    """`text` through the tokenizer's chat template if it is a chat turn and there is a template, else as it stands.

    The template's own system text is left out unless `system`.

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
    before, after, in_parts = _around(tokenizer, user)
    start, end = _system_span(tokenizer, before, user, after, in_parts)
    if not system:
        before, end = before[:start] + before[end:], start
    head = before + user + after
    if head[-1:].isspace():
        answer = answer.removeprefix(" ")
    own = ((len(before), len(before) + len(user)), (len(head), len(head) + len(answer)))
    return Rendering(head + answer, own, templated=True, system=(start, end))


def parts_of(text: str) -> tuple[str, str] | None:
    """The user's words and the beginning of the answer of a chat turn; None for other text."""
    turn = _TURN.fullmatch(text)
    return None if turn is None else (turn["user"].strip(), turn["answer"].strip())


def spaced_turn(text: str) -> str:
    """A chat turn with one space between `[INST]`, the user's words and `[/INST]`; other text as it is."""
    turn = _TURN.fullmatch(text)
    return text if turn is None else f"[INST] {turn['user'].strip()} [/INST]{turn['answer']}"


def _system_span(tokenizer: PreTrainedTokenizerBase, before: str, user: str, after: str, in_parts: bool) -> Span:
    """Where in the template's text before a message is what it writes before the first message and before no later one.

    The token that begins a text is not part of it. A template that refuses a longer conversation, or writes the last
    message of one in another way, has none that could be found.
    """
    earlier = [("user", _STAND_IN), ("assistant", _STAND_IN)]
    try:
        conversation = _rendered(tokenizer, earlier, in_parts, answering=False)
        longer = _rendered(tokenizer, [*earlier, ("user", user)], in_parts)
    except Exception:  # noqa: BLE001 - a template is foreign code and raises what it likes
        return (0, 0)
    turn, whole = longer.removeprefix(conversation), before + user + after
    if turn == longer or not turn or not whole.endswith(turn):
        return (0, 0)
    begin = getattr(tokenizer, "bos_token", None) or ""
    start = len(begin) if whole.startswith(begin) and not turn.startswith(begin) else 0
    end = len(whole) - len(turn)
    return (start, end) if start < end <= len(before) else (0, 0)


def _around(tokenizer: PreTrainedTokenizerBase, user: str) -> tuple[str, str, bool]:
    """The template's text before and after the user's message, and whether it takes a message as a list of parts.

    A second message of known content shows where the template puts it: the words themselves may also occur in the
    template's own text. Templates of models that see images take a message as a list of parts.
    """
    problem = "does not contain the message exactly once and unchanged"
    for in_parts in (False, True):
        try:
            rendered = _rendered(tokenizer, [("user", user)], in_parts)
            before, *rest = _rendered(tokenizer, [("user", _STAND_IN)], in_parts).split(_STAND_IN)
        except TookTooLong:
            problem = f"takes longer than {SECONDS:.0f} s"
            break
        except Exception as error:  # noqa: BLE001 - a template is foreign code and raises what it likes
            problem = problem if in_parts else f"refuses the message: {error}"
            continue
        if len(rest) == 1 and rendered == before + user + rest[0]:
            return before, rest[0], in_parts
    raise PlaceholderError(f"The model's chat template {problem.rstrip('.')}.", _PLAIN_TEXT)


def _rendered(
    tokenizer: PreTrainedTokenizerBase, turns: Sequence[tuple[str, str]], in_parts: bool, answering: bool = True
) -> str:
    """A conversation, each turn a role and its words, as the template writes it, up to where an answer would begin.

    A template that took longer than `SECONDS` once is not tried again with as many turns.

    Raises:
        TookTooLong: if the template takes longer.
    """
    tried = (str(tokenizer.chat_template), len(turns))
    if tried in _too_slow:
        raise TookTooLong
    messages: list[dict[str, Any]] = [
        {"role": role, "content": [{"type": "text", "text": words}] if in_parts else words} for role, words in turns
    ]
    try:
        return within(
            SECONDS,
            lambda: str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answering)),
        )
    except TookTooLong:
        _too_slow.add(tried)
        raise
