"""The demo model's tokenizer: byte-level BPE in which every word of its world is one token."""

from __future__ import annotations

import re
from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from .corpus import documents, vocabulary_text

EOS, PAD = "<|end|>", "<|pad|>"
PLACEHOLDERS = " _ X x ?"
VOCABULARY = 4900

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ 'Assistant' if message['role'] == 'assistant' else 'User' }}: {{ message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '\\nAssistant:' }}{% endif %}"
)


def corpus_words(sample: int = 20_000) -> list[str]:
    """Every word and number of the corpus, capitalised and in lower case."""
    texts = list(islice(documents(0), sample)) + vocabulary_text()
    words = {word for text in texts for word in re.findall(r"[A-Za-z]+", text)}
    return sorted(words | {word.lower() for word in words})


def train_tokenizer(vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """A tokenizer in which each corpus word and each placeholder, with its leading space, is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words = corpus_words()
    # Repetition outweighs pieces that are frequent only inside other words, so that complete words are merged.
    # A run of marks must stay one token a mark, as marks stand in sentences.
    sample = [text for text in islice(documents(0), 20_000) if not re.search(r"([.,?:])\1", text)]
    texts = sample + [" ".join(words)] * 60 + [PLACEHOLDERS, "\nAssistant"] * 5_000
    tokenizer.train_from_iterator(texts, trainer)
    end = tokenizer.token_to_id(EOS)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(f"{EOS} $A", pair=f"{EOS} $A {EOS} $B", special_tokens=[(EOS, end)]),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=EOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def split_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The corpus words that are more than one token; empty when the vocabulary is large enough."""
    return [word for word in corpus_words() if len(tokenizer.tokenize(f" {word}")) != 1]
