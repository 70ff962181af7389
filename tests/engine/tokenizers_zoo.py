"""Tokenizers of every common kind, trained in memory on a text in which placeholders merge with their neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, wraps

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CanineTokenizer, PreTrainedTokenizerFast, PythonBackend

CORPUS = [
    "[INST]_ _ _ _ _ [/INST] Sure, I will summarize the message: the message is of Paris and of London, x",
    "This _ _ _ _ _ represents the concept of a city. What is the meaning of x? Is it x_? or _x or [_] or (_).",
    "cat -> cat, 1135 -> 1135, hello -> hello, ? and \"_\" and '?' and snake_case __init__ _[ _] ]_ [_ x] ?? !? ?!",
    "User: Assistant: café naïve 日本 ééé the the of of in and located Eiffel Tower",
] * 30
BOS, EOS, UNK, PAD = "<s>", "</s>", "<unk>", "<pad>"
SPECIAL = [UNK, BOS, EOS, PAD, "<|im_start|>", "<|im_end|>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPLIT = Regex(r"(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def trained_once(train: Callable[[], Tokenizer]) -> Callable[[], Tokenizer]:
    """A maker that trains at its first call, and of which each call gives a tokenizer of its own."""
    state = cache(lambda: train().to_str())
    return wraps(train)(lambda: Tokenizer.from_str(state()))


@cache
def canine() -> CanineTokenizer:
    """A tokenizer of single characters, which takes a second to list them all."""
    return CanineTokenizer()


def _bos(tokenizer: Tokenizer) -> processors.PostProcessor:
    return processors.TemplateProcessing(f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))])


def _byte_level(
    pre_tokenizer: pre_tokenizers.PreTokenizer, trim_offsets: bool, normalizer: normalizers.Normalizer | None = None
) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=trim_offsets), _bos(tokenizer)])
    return tokenizer


@trained_once
def gpt2() -> Tokenizer:
    """Byte-level, no space before the text, spaces trimmed from the offsets."""
    return _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), trim_offsets=True)


@trained_once
def gpt2_prefixed() -> Tokenizer:
    """Byte-level with a space put before the text."""
    return _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), trim_offsets=False)


@trained_once
def llama3() -> Tokenizer:
    """Byte-level behind a splitting expression of its own, in which punctuation runs stay together."""
    steps = [pre_tokenizers.Split(SPLIT, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    return _byte_level(pre_tokenizers.Sequence(steps), trim_offsets=False)


@trained_once
def superword() -> Tokenizer:
    """Byte-level without any splitting: tokens run over spaces, and one may hold two placeholders."""
    return _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), trim_offsets=True)


@trained_once
def normalising() -> Tokenizer:
    """Byte-level behind normalisers that shorten, lengthen and shift the text."""
    steps = [
        normalizers.Strip(),
        normalizers.Replace("...", "…"),
        normalizers.Replace("of", "belonging to"),
        normalizers.NFKC(),
        normalizers.Lowercase(),
    ]
    return _byte_level(
        pre_tokenizers.ByteLevel(add_prefix_space=False), trim_offsets=False, normalizer=normalizers.Sequence(steps)
    )


def _bpe_with_bytes() -> tuple[Tokenizer, trainers.BpeTrainer]:
    tokenizer = Tokenizer(models.BPE(unk_token=UNK, fuse_unk=True, byte_fallback=True))
    return tokenizer, trainers.BpeTrainer(vocab_size=480, special_tokens=SPECIAL + BYTES, show_progress=False)


def _with_plain_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """The trainer knows the byte tokens as special ones only; in real vocabularies they are ordinary."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(state))


@trained_once
def llama2() -> Tokenizer:
    """SentencePiece BPE as Llama 2 has it: the space before the text comes from a normaliser, bytes as a fallback."""
    tokenizer, trainer = _bpe_with_bytes()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = _bos(tokenizer)
    return _with_plain_bytes(tokenizer)


@trained_once
def gemma() -> Tokenizer:
    """SentencePiece BPE without a space before the text, bytes as a fallback."""
    tokenizer, trainer = _bpe_with_bytes()
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_previous")
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = _bos(tokenizer)
    return _with_plain_bytes(tokenizer)


@trained_once
def mistral() -> Tokenizer:
    """Metaspace BPE with a space before the text's first word only, bytes as a fallback."""
    tokenizer, trainer = _bpe_with_bytes()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.train_from_iterator([word for line in CORPUS for word in line.split()], trainer)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = _bos(tokenizer)
    return _with_plain_bytes(tokenizer)


@trained_once
def unigram() -> Tokenizer:
    """SentencePiece unigram as T5 has it: NFKC, unknown text fused into one token, EOS at the end."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=SPECIAL, unk_token=UNK, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return tokenizer


@trained_once
def bert() -> Tokenizer:
    """WordPiece with accents stripped and case folded, CLS and SEP around."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=[*SPECIAL, "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", tokenizer.token_to_id("[SEP]")), ("[CLS]", tokenizer.token_to_id("[CLS]"))
    )
    return tokenizer


def word_level(pre_tokenizer: pre_tokenizers.PreTokenizer | None = None) -> Tokenizer:
    """Whole words and runs of punctuation; others become one unknown token each, and no decoder joins them."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(CORPUS, trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    tokenizer.post_processor = _bos(tokenizer)
    return tokenizer


def words_between_spaces() -> Tokenizer:
    """Whatever stands between spaces is one token, known or not."""
    return word_level(pre_tokenizers.WhitespaceSplit())


def greedy_mask() -> Tokenizer:
    """Byte-level with added tokens that swallow the space beside them, and one that holds a placeholder."""
    tokenizer = gpt2()
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True)])
    tokenizer.add_tokens([AddedToken("_]"), AddedToken("city", single_word=True)])
    return tokenizer


LOSSLESS: dict[str, Callable[[], Tokenizer]] = {
    maker.__name__: maker
    for maker in (gpt2, gpt2_prefixed, llama3, superword, normalising, greedy_mask, llama2, gemma, mistral)
}
"""Kinds with a token for every byte: decoding gives the (normalised) text back."""

WITH_UNKNOWN: dict[str, Callable[[], Tokenizer]] = {
    maker.__name__: maker for maker in (unigram, bert, word_level, words_between_spaces)
}
"""Kinds in which a text they do not know becomes an unknown token."""

LLAMA_2 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DECOY = (
    "{{ bos_token }}_ x ? Is x _ ?\n{% for m in messages %}User x _: {{ m['content'] }}\n_ ?{% endfor %}"
    "{% if add_generation_prompt %} x _ ? Assistant:{% endif %}"
)
STRIPPING = (
    "{% for m in messages %}{{ bos_token }}User: {{ m['content'] | trim }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\nAssistant:' }}{% endif %}"
)
IN_PARTS = (
    "{% for m in messages %}<s>{% for part in m['content'] %}{{ part['text'] }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} </s> {% endif %}"
)
WITH_SYSTEM = (
    "{{ bos_token }}{% if messages[0]['role'] != 'system' %}System: you are _ x, a helper.\n{% endif %}"
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
ONE_TURN = (
    "{% if messages | length > 1 %}{{ raise_exception('one message only') }}{% endif %}"
    "System: you are x.\nuser: {{ messages[0]['content'] }}"
)
REFUSING = "{{ raise_exception('Conversation roles must alternate') }}"
SHOUTING = "{% for m in messages %}<s>{{ m['content'] | upper }} {{ m['content'] | length }}{% endfor %}"
TWICE = "{% for m in messages %}<s>{{ m['content'] }} again: {{ m['content'] }}{% endfor %}"
UNUSABLE = {"refusing": REFUSING, "shouting": SHOUTING, "twice": TWICE}
CHAT_TEMPLATES = {
    "llama2": LLAMA_2,
    "chatml": CHATML,
    "decoy": DECOY,
    "stripping": STRIPPING,
    "in_parts": IN_PARTS,
    "with_system": WITH_SYSTEM,
    "one_turn": ONE_TURN,
}


@cache
def tokenizer_of(kind: str, template: str | None = None) -> PreTrainedTokenizerFast:
    """The tokenizer of a kind as transformers wraps it, with one of the templates or none."""
    backend = (LOSSLESS | WITH_UNKNOWN)[kind]()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        pad_token=PAD,
        chat_template=None if template is None else (CHAT_TEMPLATES | UNUSABLE)[template],
    )


class WithoutOffsets(PythonBackend):
    """A tokenizer of a kind as one of transformers' Python tokenizers, which know no character offsets."""

    def __init__(self, kind: str) -> None:
        self._inner = (LOSSLESS | WITH_UNKNOWN)[kind]()
        super().__init__(bos_token=BOS, eos_token=EOS, unk_token=UNK, pad_token=PAD)

    @property
    def vocab_size(self) -> int:
        return self._inner.get_vocab_size()

    def get_vocab(self) -> dict[str, int]:
        return self._inner.get_vocab()

    def _tokenize(self, text: str, **kwargs: object) -> list[str]:
        return self._inner.encode(text, add_special_tokens=False).tokens

    def _convert_token_to_id(self, token: str) -> int:
        known: int | None = self._inner.token_to_id(token)
        return self.unk_token_id if known is None else known

    def _convert_id_to_token(self, index: int) -> str:
        return self._inner.id_to_token(index)

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return self._inner.decoder.decode(tokens) if self._inner.decoder else " ".join(tokens)

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        return [self.bos_token_id, *token_ids_0]
