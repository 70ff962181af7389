"""GGUF files open through every door as the model that was written into them; those that cannot say why."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGMLQuantizationType
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import selfie_tui
from selfie_tui.commands.doctor import run_doctor
from selfie_tui.engine.loading import gguf as gguf_loading
from selfie_tui.engine.loading import placement as placing
from selfie_tui.engine.loading import revision
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import adopt
from selfie_tui.engine.service import EngineService
from selfie_tui.engine.verify import verify
from selfie_tui.errors import Cancelled, LoadError
from selfie_tui.records import EMBED, Cell, CellFinished, ControlFinished, Event, LoadModel, ModelReady, Preset, Request
from tests.engine.gguf_models import write_gguf
from tests.engine.records_compared import assert_same
from tests.engine.tokenizers_zoo import BOS, EOS, PAD, gpt2
from tests.engine.zoo import randomise

REQUEST = Request(
    "the Eiffel Tower is in Paris",
    tuple(Cell(layer, position) for layer in (EMBED, 0, 1) for position in (1, 4)),
    Preset("test", "[INST]_ _ _[/INST] Sure, I will summarize the message:"),
    max_new_tokens=5,
)
TEXTS = ("the Eiffel Tower is in Paris", "café naïve 日本", "<|im_start|>user\nHi<|im_end|>\n")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=gpt2(), bos_token=BOS, eos_token=EOS, pad_token=PAD)


@pytest.fixture(scope="module")
def module(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A random Llama with more query heads than key heads; quantised blocks need widths that 32 divides."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    module = LlamaForCausalLM(config).eval()
    randomise(module)
    return module


@pytest.fixture(scope="module")
def file(module: LlamaForCausalLM, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module in a GGUF file, in float32, alone in a folder."""
    return write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf", module, tokenizer)


def interpreted(model: Any) -> list[Event]:
    return [event for event in interpret(model, REQUEST) if isinstance(event, CellFinished | ControlFinished)]


def assert_refused(name: str | Path, cause: str, remedy: str, **options: str) -> None:
    with pytest.raises(LoadError, match=cause) as caught:
        load(name, **options)
    assert remedy in caught.value.remedy
    assert "\n" not in caught.value.cause
    assert len(caught.value.cause) < 500


def by_path(file: Path) -> Any:
    return load(file)


def by_folder(file: Path) -> Any:
    return load(str(file.parent))


def by_library(file: Path) -> Any:
    return selfie_tui.load(str(file))


def by_service(file: Path) -> Any:
    service = EngineService(threads=1)
    events = list(service.run(LoadModel(str(file)), lambda: False, lambda event: None))
    (ready,) = [event for event in events if isinstance(event, ModelReady)]
    assert ready.model.title == "small.gguf"
    return service.model


@pytest.mark.parametrize("door", [by_path, by_folder, by_library, by_service])
def test_a_gguf_file_interprets_as_the_module_that_was_written_into_it(
    file: Path, module: LlamaForCausalLM, door: Callable[[Path], Any]
) -> None:
    model = door(file)
    assert model.verdict == "verified"
    assert not model.notices
    assert model.info().revision == revision.content_hash([file])
    assert_same(interpreted(model), interpreted(verify(adopt(module, model.tokenizer))))


def test_the_tokenizer_of_a_gguf_file_is_the_one_that_was_written_into_it(
    file: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = load(file)
    for text in TEXTS:
        assert model.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert model.info().chat
    turn = model.tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert turn == "<|im_start|>user\nHi<|im_end|>\n"
    assert model.end_tokens == {tokenizer.eos_token_id}


@pytest.mark.parametrize(
    ("kind", "own", "error"),
    [
        (GGMLQuantizationType.F16, torch.float16, 2**-11),
        (GGMLQuantizationType.BF16, torch.bfloat16, 2**-8),
        (GGMLQuantizationType.Q8_0, torch.float32, 2**-7),
        (GGMLQuantizationType.Q5_0, torch.float32, 2**-4),
    ],
)
def test_weights_are_unpacked_in_the_files_own_number_format_unless_another_is_chosen(
    module: LlamaForCausalLM, tokenizer: Any, tmp_path: Path, kind: Any, own: torch.dtype, error: float
) -> None:
    """A quantised file has none of its own, and is unpacked to float32. Errors are relative to a weight's largest."""
    file = write_gguf(tmp_path / "small.gguf", module, tokenizer, kind)
    model = load(file)
    assert model.dtype == own
    assert load(file, dtype="fp16").dtype == torch.float16
    weights = model.module.state_dict()
    for name, weight in module.state_dict().items():
        assert (weights[name].float() - weight).abs().max() <= error * weight.abs().max(), name


def test_what_lies_beside_a_gguf_file_is_not_taken_for_its_own(file: Path, tmp_path: Path) -> None:
    shutil.copy(file, tmp_path / "small.gguf")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"):
        (tmp_path / name).write_text("{of another model")
    for name in (tmp_path, tmp_path / "small.gguf"):
        assert_same(interpreted(load(name)), interpreted(load(file)))


def test_a_folder_with_safetensors_is_opened_by_those(file: Path, module: LlamaForCausalLM, tmp_path: Path) -> None:
    other = LlamaForCausalLM(module.config)
    other.save_pretrained(tmp_path)
    load(file).tokenizer.save_pretrained(tmp_path)
    shutil.copy(file, tmp_path)
    opened = load(tmp_path).module.state_dict()
    assert torch.equal(opened["lm_head.weight"], other.state_dict()["lm_head.weight"])


def test_several_gguf_files_are_refused_by_their_names(file: Path, tmp_path: Path) -> None:
    for name in ("b.gguf", "a.gguf"):
        shutil.copy(file, tmp_path / name)
    assert_refused(tmp_path, "holds 2 GGUF files: a.gguf, b.gguf", str(tmp_path / "a.gguf"))
    assert load(tmp_path / "b.gguf").verdict == "verified"


@pytest.mark.parametrize("library", ["gguf", "accelerate"])
def test_without_the_extra_its_installation_is_the_remedy(
    file: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_loading, "find_spec", lambda name: None if name == library else name)
    assert_refused(file, f"GGUF files need {library}, which is not installed", 'pip install "selfie-tui[gguf]"')


def test_an_architecture_that_transformers_does_not_unpack_is_refused(
    module: LlamaForCausalLM, tokenizer: Any, tmp_path: Path
) -> None:
    file = write_gguf(tmp_path / "small.gguf", module, tokenizer, architecture="rwkv6")
    assert_refused(file, "opens no GGUF files of the architecture “rwkv6”", "config.json")


def test_more_layers_than_tensors_are_refused_before_anything_is_built(
    module: LlamaForCausalLM, tokenizer: Any, tmp_path: Path
) -> None:
    file = write_gguf(tmp_path / "small.gguf", module, tokenizer, metadata={"llama.block_count": 10**9})
    with pytest.raises(LoadError, match=r"block_count 1,000,000,000, and has at most \d+ tensors"):
        load(file)


def test_a_part_of_a_split_model_is_refused(module: LlamaForCausalLM, tokenizer: Any, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "small.gguf", module, tokenizer, metadata={"split.count": 3, "split.no": 0})
    assert_refused(file, "one of 3 parts of a model", "llama-gguf-split --merge")


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "does not begin with “GGUF”"),
    "another format": (lambda content: b"PK\x03\x04" + content[4:], "does not begin with “GGUF”"),
    "a later version": (lambda content: content[:4] + struct.pack("<I", 9) + content[8:], "version 9"),
    "cut in its first bytes": (lambda content: content[:9], "header ends too early|requires a buffer"),
    "cut in its metadata": (lambda content: content[:300], "not a readable GGUF file"),
    "cut in its vocabulary": (lambda content: content[:2000], "not a readable GGUF file"),
    "cut in its data": (lambda content: content[:-200], "is incomplete: it has"),
    "no tensors": (lambda content: content[:8] + struct.pack("<Q", 0) + content[16:], "holds a vocabulary alone"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_fault(file: Path, tmp_path: Path, case: str) -> None:
    spoil, cause = BROKEN[case]
    (tmp_path / "model.gguf").write_bytes(spoil(file.read_bytes()))
    assert_refused(tmp_path / "model.gguf", cause, "Open the file" if case == "no tensors" else "download it again")


def test_a_gguf_file_that_is_not_there_is_not_looked_for_on_the_hub() -> None:
    assert_refused("models/no-such.gguf", "File not found: models/no-such.gguf", "Check the path")


@pytest.mark.parametrize("dtype", ["8bit", "4bit"])
def test_a_gguf_file_is_not_quantised_a_second_time(file: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "pick_device", lambda name: (torch.device("cuda", 0), ""))
    monkeypatch.setattr(placing, "find_spec", lambda library: library)
    assert_refused(file, f"{dtype} is not available for GGUF files", "auto or bf16", dtype=dtype)


def test_the_memory_that_is_needed_is_that_of_the_unpacked_weights(
    module: LlamaForCausalLM, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_gguf(tmp_path / "small.gguf", module, tokenizer, GGMLQuantizationType.Q8_0)
    needed = 4 * sum(parameter.numel() for parameter in module.parameters())
    assert file.stat().st_size < needed / 2
    monkeypatch.setattr(placing, "free_memory", lambda device: needed - 1)
    assert_refused(file, "The weights need .* GiB", "smaller number format")
    monkeypatch.setattr(placing, "free_memory", lambda device: needed // 2)
    assert load(file, dtype="bf16").dtype == torch.bfloat16


def test_unpacking_reports_its_progress_and_draws_nothing(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reports: list[tuple[str, float | None]] = []
    load(file, report=lambda step, fraction: reports.append((step, fraction)))
    shares = [fraction for step, fraction in reports if step == "unpacking the weights"]
    assert len(shares) > 10
    assert shares == sorted(shares, key=lambda share: share or 0)
    assert capfd.readouterr() == ("", "")


def test_a_cancel_while_weights_are_unpacked_is_heard(file: Path) -> None:
    def report(step: str, fraction: float | None) -> None:
        if fraction is not None and fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        load(file, report=report)
    assert load(file).verdict == "verified"


def test_the_doctor_opens_it_and_names_each_step_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_doctor(str(file)) == 0
    printed = capsys.readouterr()
    assert f"revision        {revision.content_hash([file])}" in printed.out
    steps = [line for line in printed.err.splitlines() if line.startswith("… ")]
    assert "… unpacking the weights" in steps
    assert len(steps) == len(set(steps))
