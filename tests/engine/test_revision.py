"""The revision of a model: the same for the same content wherever it lies, another for another content."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from selfie_tui.engine.loading import revision
from selfie_tui.engine.loading.checkpoint import checkpoint_in
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.loading.revision import revision_of
from selfie_tui.engine.model import Model, adopt
from tests.engine.zoo import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model in several shards, with its tokenizer."""
    model = build("llama", layers=2)
    model.module.save_pretrained(tmp_path / "model", max_shard_size="60KB")
    model.tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def revision_in(folder: Path) -> str:
    return revision_of(checkpoint_in(folder))


def change_a_weight(folder: Path, shard: int = 0) -> None:
    """Add 1 to the last number of the last tensor of a shard."""
    file = sorted(folder.glob("*.safetensors"))[shard]
    tensors = load_file(file)
    name = max(tensors)
    tensors[name].view(-1)[-1] += 1
    save_file(tensors, file, metadata={"format": "pt"})


def test_a_copy_elsewhere_has_the_same_revision(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "elsewhere" / "renamed")
    first, second = load(folder).info(), load(tmp_path / "elsewhere" / "renamed").info()
    assert first.revision == second.revision
    assert first.name != second.name
    assert first.revision.startswith("content:")
    assert len(first.revision) == len("content:") + 12


@pytest.mark.parametrize("shard", [0, 3])
def test_one_other_weight_is_another_revision(folder: Path, shard: int) -> None:
    before = revision_in(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    change_a_weight(folder, shard)
    assert sum(path.stat().st_size for path in folder.iterdir()) == size
    assert revision_in(folder) != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_another_configuration_or_tokenizer_is_another_revision(folder: Path, name: str) -> None:
    before = revision_in(folder)
    path = folder / name
    path.write_text(path.read_text() + " ")
    assert revision_in(folder) != before


def test_a_note_beside_the_model_changes_nothing(folder: Path) -> None:
    before = revision_in(folder)
    (folder / "README.md").write_text("read me")
    (folder / "notes.txt").write_text("of yesterday")
    assert revision_in(folder) == before


def test_large_weights_are_sampled_from_beginning_to_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sampled byte counts, and few of them are read."""
    monkeypatch.setattr(revision, "WHOLE_BYTES", 0)
    monkeypatch.setattr(revision, "HEADER_BYTES", 512)
    monkeypatch.setattr(revision, "SAMPLE_BYTES", 64)
    monkeypatch.setattr(revision, "SAMPLES", 28)
    before = revision_in(folder)
    change_a_weight(folder, 2)
    assert revision_in(folder) != before, "the end of a file is sampled"
    for file in folder.glob("*.safetensors"):
        pieces = list(revision.samples(file, 4))
        assert [len(piece) for piece in pieces] == [512, 64, 64, 64, 64]
        assert pieces[-1] == file.read_bytes()[-64:]


def test_two_files_of_equal_bytes_under_each_others_names_are_another_revision(tmp_path: Path) -> None:
    for name, content in (("a", b"12"), ("b", b"34"), ("c", b"34"), ("d", b"12")):
        (tmp_path / name).write_bytes(content)
    first = revision.content_hash([tmp_path / "a", tmp_path / "b"])
    assert first == revision.content_hash([tmp_path / "b", tmp_path / "a"])
    (tmp_path / "a").write_bytes(b"34")
    (tmp_path / "b").write_bytes(b"12")
    assert first != revision.content_hash([tmp_path / "a", tmp_path / "b"])


def test_a_module_in_hand_has_no_revision() -> None:
    model = build("llama", layers=2)
    assert adopt(model.module, model.tokenizer).info().revision == ""


def test_the_bundled_model_has_the_revision_of_its_folder(demo: Model) -> None:
    from selfie_tui.demo import model_path

    assert demo.info().revision == revision_in(model_path())
