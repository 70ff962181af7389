"""The text that each token stands for, and a source prompt split into tokens."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from selfie_tui.errors import PromptError
from selfie_tui.records import Token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Spelling = Literal["byte-level", "bytes", "metaspace", "other"]
"""How a vocabulary writes text: as GPT-2's stand-ins for bytes, as bytes, with `▁` for a space, or in another way."""

_METASPACE = "\u2581"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_CONTEXT = 8
_HEX_BYTES = "selfie_tui.hex_bytes"


def _hex_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"<0x{byte:02X}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_HEX_BYTES, _hex_bytes)


def _byte_stand_ins() -> dict[str, int]:
    """The characters that byte-level vocabularies (GPT-2) write for bytes: printable Latin-1, the rest from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}


_STAND_INS = _byte_stand_ins()


def encode_source(tokenizer: PreTrainedTokenizerBase, prompt: str) -> tuple[tuple[int, ...], tuple[Token, ...]]:
    """The ids of a source prompt and the same as records; raises as `source_ids`."""
    ids = source_ids(tokenizer, prompt)
    return ids, as_records(tokenizer, ids)


def source_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> tuple[int, ...]:
    """The ids of a source prompt, with the special tokens this tokenizer adds by default.

    Raises PromptError if the prompt is empty, gives no token, or is not Unicode text (half of a surrogate pair).
    """
    if not prompt:
        raise PromptError("The prompt is empty.", "Type a text whose hidden states are to be read.")
    if not is_unicode(prompt):
        raise PromptError(
            "The prompt holds half of a surrogate pair, which no tokenizer reads.", "Retype that character."
        )
    ids = tuple(tokenizer(prompt, verbose=False)["input_ids"])
    if not ids:
        raise PromptError("The tokenizer splits this prompt into no tokens.", "Type a text it knows.")
    return ids


def as_records(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> tuple[Token, ...]:
    """The tokens of a prompt, numbered from 0."""
    special = special_ids(tokenizer)
    return tuple(
        Token(position=position, id=token_id, text=text, special=token_id in special)
        for position, (token_id, text) in enumerate(zip(ids, token_texts(tokenizer, ids), strict=True))
    )


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The ids that stand for no text: begin, end, padding, separators, the marks of a chat's turns.

    A mask stands for a word to be found, and the id for what a vocabulary lacks for that text, unless it has another
    use too.
    """
    added = {token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special}
    marks = {getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "pad", "cls", "sep")}
    words = {getattr(tokenizer, f"{name}_token_id", None) for name in ("unk", "mask")} - marks
    return frozenset({*added, *tokenizer.all_special_ids} - words)


def is_unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def token_texts(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> tuple[str, ...]:
    """The text each of `ids` stands for, in this order: joined, they are the decoded text wherever that is possible.

    A space that belongs to a token stays with it, also where decoding drops it at the beginning of a text. Bytes that
    are part of a character are written `<0xE2>`. Where the vocabulary marks the continuation of a word (`##`), the
    first of `ids` keeps that mark. An id that the tokenizer does not know, as models with a padded vocabulary can
    produce, is `<unused 50300>`. The texts are unsafe to print as they are.
    """
    spelling = _spelling(tokenizer)
    added = tokenizer.added_tokens_decoder
    texts = []
    for index, token_id in enumerate(ids):
        written = _written(tokenizer, int(token_id))
        if written is None:
            texts.append(f"<unused {token_id}>")
        elif token_id in added and not (spelling == "metaspace" and _BYTE_TOKEN.fullmatch(written)):
            texts.append(str(added[token_id].content))
        elif spelling == "other":
            more = _added_by(tokenizer, ids[max(0, index - _CONTEXT) : index], token_id)
            texts.append(more or written.replace(_METASPACE, " "))
        else:
            texts.append(_read(written, spelling))
    return tuple(texts)


def _written(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str | None:
    """The token as its vocabulary writes it; None if the tokenizer has no such id, which some say by raising."""
    try:
        written: str | None = tokenizer.convert_ids_to_tokens(token_id)
    except (LookupError, TypeError, ValueError):
        return None
    return written


def _read(written: str, spelling: Spelling) -> str:
    if spelling == "byte-level":
        return b"".join(_byte(char) for char in written).decode("utf-8", _HEX_BYTES)
    if spelling == "bytes":
        return written.encode("latin-1", "replace").decode("utf-8", _HEX_BYTES)
    if byte := _BYTE_TOKEN.fullmatch(written):
        return bytes.fromhex(byte[1]).decode("utf-8", _HEX_BYTES)
    return written.replace(_METASPACE, " ")


def _byte(char: str) -> bytes:
    return bytes((_STAND_INS[char],)) if char in _STAND_INS else char.encode()


def _added_by(tokenizer: PreTrainedTokenizerBase, before: Sequence[int], token_id: int) -> str:
    """The text that decoding adds for `token_id` after `before`; "" if it is empty or part of a character."""
    shorter = tokenizer.decode(list(before), clean_up_tokenization_spaces=False) if before else ""
    longer = tokenizer.decode([*before, token_id], clean_up_tokenization_spaces=False)
    if not longer.startswith(shorter):
        longer, shorter = tokenizer.decode([token_id], clean_up_tokenization_spaces=False), ""
    more: str = longer[len(shorter) :]
    return "" if "\ufffd" in more else more


def _spelling(tokenizer: PreTrainedTokenizerBase) -> Spelling:
    if not getattr(tokenizer, "is_fast", False):
        return "bytes" if getattr(tokenizer, "_utf_vocab_size", 0) == 256 else "other"
    decoder = tokenizer.backend_tokenizer.decoder
    steps = list(_steps(json.loads(decoder.__getstate__()))) if decoder is not None else []
    if any(step["type"] == "ByteLevel" for step in steps):
        return "byte-level"
    if any(step["type"] == "Metaspace" or _METASPACE in str(step.get("pattern")) for step in steps):
        return "metaspace"
    return "other"


def _steps(decoder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A decoder as its serialised steps, sequences unrolled."""
    if decoder["type"] == "Sequence":
        for step in decoder["decoders"]:
            yield from _steps(step)
    else:
        yield decoder
