"""Which weights a result came from: a hub model's commit, or a hash of what a folder or file on this machine holds.

The hash is `content:` and the first 12 hex digits of a SHA-256 over the names, sizes and bytes of the files of which a
model is made: its weights, config.json, generation_config.json, and the tokenizer's files. Weights of more than 64 MiB
are sampled: the first MiB of each file, where the header is, and 64 KiB at evenly spaced offsets, 16 MiB in all.
Training changes every sample, but an edit of a few weights of a large model may fall between them and leave the hash as
it is. The folder and its name do not count: a copy elsewhere has the same hash. Of an adapter its own files are hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from selfie_tui.engine.loading.checkpoint import ADAPTER_CONFIG, VOCABULARIES, Checkpoint, weights_of

PREFIX = "content:"
DIGITS = 12
WHOLE_BYTES = 64 * 2**20
"""Weights of up to so many bytes are hashed as a whole."""

HEADER_BYTES = 2**20
SAMPLE_BYTES = 64 * 2**10
SAMPLES = 256
"""Samples of all files of weights together; each file has at least one."""

SIDE_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    *VOCABULARIES,
)
"""Files beside the weights that decide what a model reads and writes."""


def revision_of(checkpoint: Checkpoint) -> str:
    """The commit of a hub model's snapshot, else the hash of the content."""
    if checkpoint.commit:
        return checkpoint.commit
    if checkpoint.gguf_path is not None:
        return content_hash([checkpoint.gguf_path])
    folder = checkpoint.folder
    if (folder / ADAPTER_CONFIG).is_file():
        return content_hash([path for path in folder.glob("adapter_*") if path.is_file()])
    side = [folder / name for name in SIDE_FILES] + list(folder.glob("*.tiktoken"))
    return content_hash(weights_of(folder), [path for path in side if path.is_file()])


def content_hash(weights: Iterable[Path], side_files: Iterable[Path] = ()) -> str:
    """The hash of files of weights, and of the smaller files beside them, which are never sampled."""
    digest = hashlib.sha256()
    for path in sorted(side_files):
        add(digest, path, [path.read_bytes()])
    files = sorted(weights)
    sampled = sum(path.stat().st_size for path in files) > WHOLE_BYTES
    for path in files:
        add(digest, path, samples(path, max(1, SAMPLES // len(files))) if sampled else [path.read_bytes()])
    return PREFIX + digest.hexdigest()[:DIGITS]


def add(digest: hashlib._Hash, path: Path, parts: Iterable[bytes]) -> None:
    """Add a file's name, its size and parts of its content to a hash."""
    digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
    for part in parts:
        digest.update(part)


def samples(path: Path, count: int) -> Iterator[bytes]:
    """The beginning of a file, and `count` pieces at evenly spaced offsets, the last at its end."""
    last = max(0, path.stat().st_size - SAMPLE_BYTES)
    with path.open("rb") as file:
        yield file.read(HEADER_BYTES)
        for index in range(1, count + 1):
            file.seek(last * index // count)
            yield file.read(SAMPLE_BYTES)
