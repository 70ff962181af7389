"""Opening a model: what is wrong is said in the user's terms, nothing is lost by it, and what loads is what was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from msgspec.structs import replace
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GPT2ForSequenceClassification,
    MambaConfig,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.utils import logging

from selfie_tui.engine import devices
from selfie_tui.engine import verify as verdict
from selfie_tui.engine.loading import load as loading
from selfie_tui.engine.loading import placement as placing
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import adopt
from selfie_tui.engine.service import EngineService
from selfie_tui.engine.verify import verify
from selfie_tui.errors import Cancelled, LoadError
from selfie_tui.records import (
    EMBED,
    Cell,
    CellFinished,
    ControlFinished,
    Event,
    LoadModel,
    ModelReady,
    Notice,
    Preset,
    PromptTokens,
    Request,
    Tokenize,
)
from tests.engine.records_compared import assert_same
from tests.engine.zoo import CONFIGS, build, randomise
from tests.sweep.small import small
from tests.sweep.sweep import mask_tokenizer

REQUEST = Request(
    "the Eiffel Tower is in Paris",
    tuple(Cell(layer, position) for layer in (EMBED, 0, 1) for position in (1, 4)),
    Preset("test", "a man in _ _ is of the"),
    max_new_tokens=5,
    random_control=True,
)

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model folder."""
    return save(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub is not to be asked, and its cache is empty."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def save(folder: Path, family: str = "llama", dtype: torch.dtype = torch.float32, **options: Any) -> Path:
    """Save a zoo model with its tokenizer as `save_pretrained` does."""
    model = build(family, layers=2)
    module = AutoModelForCausalLM.from_config(CONFIGS[family](2)).to(dtype)
    module.load_state_dict(model.module.state_dict())
    module.config.dtype = dtype
    module.save_pretrained(folder, **options)
    model.tokenizer.save_pretrained(folder)
    return folder


def results(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, CellFinished | ControlFinished)]


def configured(**values: Any) -> Spoil:
    """Change values of a folder's config.json; None takes one out."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        written = json.loads(path.read_text()) | values
        path.write_text(json.dumps({name: value for name, value in written.items() if value is not None}))

    return spoil


def written(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content)


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def tensors_changed(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    """Change the tensors in the weights of a folder."""

    def spoil(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def resaved(module: Callable[[], Any]) -> Spoil:
    """Put another model into the folder."""

    def spoil(folder: Path) -> None:
        for name in ("config.json", "model.safetensors", "generation_config.json"):
            (folder / name).unlink(missing_ok=True)
        module().save_pretrained(folder)

    return spoil


def sharded(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    save(folder, max_shard_size="60KB")


def without_a_shard(folder: Path) -> None:
    sharded(folder)
    (folder / "model-00002-of-00007.safetensors").unlink()


def with_a_torn_index(folder: Path) -> None:
    sharded(folder)
    written("model.safetensors.index.json", b'{"weight_map"')(folder)


class Code:
    """Something that is not a weight: unpickled, it would end the program."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


def pickled_code(folder: Path) -> None:
    torch.save({"model.norm.weight": Code()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
BERT = BertConfig(vocab_size=160, **SMALL)
T5 = T5Config(d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=160)
MAMBA = MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=8, vocab_size=160)
OWN_CODE = configured(model_type="homemade", auto_map={"AutoConfig": "config.C", "AutoModelForCausalLM": "model.M"})

SPOILT: dict[str, tuple[Spoil, str, str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json", "save_pretrained"),
    "config that is no JSON": (written("config.json", b"{nope"), "not valid JSON", "again"),
    "config that is no text": (written("config.json", b"\xff\xfe\x00"), "not valid JSON", "again"),
    "config that is no object": (written("config.json", b"[1]"), "not valid JSON", "again"),
    "unknown model type": (configured(model_type="frobnicate"), "model type “frobnicate”", "Update transformers"),
    "no model type": (configured(model_type=None), "model type “none given”", "Update transformers"),
    "code of its own": (OWN_CODE, "code of its own, which is not run", "knows by itself"),
    "value of a wrong type": (configured(hidden_size="wide"), "'hidden_size' expected int", "Correct that value"),
    "values that contradict": (configured(num_attention_heads=7), "not a multiple", "Correct that value"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no weights", "Download or save"),
    "truncated weights": (truncated, "corrupt or incomplete", "Delete that file"),
    "garbage for weights": (written("model.safetensors", b"garbage" * 99), "corrupt or incomplete", "Delete that file"),
    "empty weights": (written("model.safetensors", b""), "corrupt or incomplete", "Delete that file"),
    "a shard that is not there": (without_a_shard, "lacks 1 of the 7 files of its weights", "missing"),
    "a torn index of shards": (with_a_torn_index, "does not list the files", "download it again"),
    "a weight that is not there": (
        tensors_changed(lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight")),
        "lacks 1 weights, such as model.layers.1.mlp.up_proj.weight",
        "complete checkpoint",
    ),
    "a weight of another shape": (
        tensors_changed(lambda tensors: tensors.update({"model.norm.weight": torch.ones(3)})),
        r"model.norm.weight of .* has the shape \(3,\), but config.json requires \(64,\)",
        "download both again",
    ),
    "no tokenizer": (
        lambda folder: [path.unlink() for path in folder.glob("token*")],
        "has no tokenizer",
        "tokenizer.json",
    ),
    "a torn tokenizer": (written("tokenizer.json", b"{"), "tokenizer of .* could not be read", "tokenizer.json"),
    "BERT without head": (resaved(lambda: BertModel(BERT)), r"lacks \d weights, such as cls", "complete checkpoint"),
    "a config nested too deeply": (written("config.json", b"[" * 100_000), "not valid JSON .nested too", "again"),
    "a tokenizer nested too deeply": (
        written("tokenizer_config.json", b"[" * 100_000),
        "tokenizer of .* could not be read .it is nested too deeply",
        "tokenizer.json",
    ),
    "a generation config nested too deeply": (
        written("generation_config.json", b"[" * 100_000),
        "generation_config.json of .* cannot be read .it is nested too deeply",
        "opens without it",
    ),
    "a torn generation config": (
        written("generation_config.json", b"{"),
        "generation_config.json of .* cannot be read",
        "Delete that file",
    ),
    "an index nested too deeply": (
        lambda folder: (sharded(folder), written("model.safetensors.index.json", b"[" * 100_000)(folder)),
        "does not list the files",
        "download it again",
    ),
    "a billion layers": (
        configured(num_hidden_layers=10**9),
        "num_hidden_layers 1,000,000,000, and has at most 21 tensors",
        "belongs to these weights",
    ),
    "a billion layers of another part": (
        configured(vision_config={"num_hidden_layers": 10**9}),
        "num_hidden_layers 1,000,000,000",
        "belongs to these weights",
    ),
    "a billion columns": (configured(hidden_size=10**9), "hidden_size 1,000,000,000", "belongs to these weights"),
    "more numbers than in the weights": (
        configured(intermediate_size=10**6),
        r"describes 384,\d+,\d+ numbers, and its weights are \d+,\d+ bytes",
        "belongs to these weights",
    ),
    "a number for its classes": (configured(architectures=3), "'architectures' is no list of names", "Correct that"),
    "a number for a number format": (configured(dtype=3), "'dtype' is no number format", "Correct that value"),
    "a text for a length": (
        lambda folder: (folder / "tokenizer_config.json").write_text(
            json.dumps(json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": "x"})
        ),
        "model_max_length is no number",
        "tokenizer.json",
    ),
    "a list for a model type": (configured(model_type=["llama"]), "does not know the model type", "Update"),
    "a pickle that runs code": (pickled_code, "could run code: it is not opened", "with model.safetensors"),
    "a classifier": (
        resaved(lambda: GPT2ForSequenceClassification(CONFIGS["gpt2"](2))),
        "saved as GPT2ForSequenceClassification",
        "continues a text",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_refused_with_cause_and_remedy(saved: Path, tmp_path: Path, case: str) -> None:
    spoil, cause, remedy = SPOILT[case]
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    spoil(folder)
    assert_refused(str(folder), cause, remedy)


def assert_refused(name: str, cause: str, remedy: str, **options: str) -> None:
    """Loading fails with this cause and remedy, in plain words."""
    with pytest.raises(LoadError, match=cause) as caught:
        load(name, **options)
    error = caught.value
    assert remedy in error.remedy
    assert "\n" not in error.cause
    assert "Traceback" not in str(error)
    assert len(error.cause) < 500
    assert error.cause.endswith((".", ")"))


@pytest.mark.parametrize(
    ("name", "cause", "remedy"),
    [
        ("/no/such/folder", "Folder not found: /no/such/folder", "Check the path"),
        ("./nothing-here", "Folder not found", "Check the path"),
        ("x/y/z", "Folder not found: x/y/z", "hub id looks like owner/name"),
        ("~nobody-of-that-name/model", "cannot be opened", "Check the path"),
        ("n" * 300, "cannot be opened", "Check the path"),
        ("a b", "Invalid name “a b”: neither a folder nor a hub id", "owner/name"),
        ("someone/[INST]", "neither a folder nor a hub id", "owner/name"),
        ("", "No model is named", "demo"),
        (" ", "No model is named", "demo"),
        ("someone/unknown", "unknown is not on this machine, and the hub cannot be reached", "Check the network"),
        ("dmeo", "dmeo is not on this machine", "Did you mean demo, the bundled model? Check"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_cause_and_remedy(name: str, cause: str, remedy: str) -> None:
    assert_refused(name, cause, remedy)


@pytest.mark.parametrize(
    "taker", ["AutoConfig.from_pretrained", "AutoTokenizer.from_pretrained", "GenerationConfig.from_pretrained"]
)
def test_a_lack_of_memory_is_not_blamed_on_a_file(saved: Path, taker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(f"transformers.{taker}", full)
    assert_refused(str(saved), f"There is not enough memory to open {saved}", "smaller model")


def test_a_lack_of_memory_while_the_model_is_looked_at_is_said(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(loading, "adopt", full)
    assert_refused(str(saved), "There is not enough memory to open", "smaller model")


@pytest.mark.parametrize("ends", [float("nan"), "x", [1, "x"], 2.5])
def test_end_tokens_that_are_no_token_ids_end_nothing(saved: Path, tmp_path: Path, ends: Any) -> None:
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    model = load(folder)
    assert model.verdict == "verified"
    assert all(isinstance(token, int) for token in model.end_tokens)


def test_a_file_in_place_of_a_folder_is_refused_as_such(saved: Path) -> None:
    assert_refused(str(saved / "config.json"), "is a file", "the folder that holds config.json")


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2", "qwen3", "opt", "bloom", "falcon", "mpt"])
def test_no_family_makes_do_with_a_tokenizer_without_vocabulary(tmp_path: Path, family: str) -> None:
    build(family, layers=2).module.save_pretrained(tmp_path / "model")
    assert_refused(str(tmp_path / "model"), "has no tokenizer", "tokenizer.json")


def test_a_model_with_code_of_its_own_is_never_asked_about(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(saved, tmp_path / "model")
    OWN_CODE(tmp_path / "model")
    (tmp_path / "model" / "config.py").write_text("raise SystemExit('the code ran')")
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("a question on the terminal"))
    assert_refused(str(tmp_path / "model"), "code of its own", "knows by itself")


# Nothing is lost ----------------------------------------------------------------------------------------------------


def done(service: EngineService, task: Any) -> list[Event]:
    posted: list[Event] = []
    return [*service.run(task, lambda: False, posted.append), *posted]


@pytest.mark.parametrize("case", ["no config", "truncated weights", "BERT without head", "a weight that is not there"])
def test_the_model_that_was_there_stays_and_answers_when_another_fails(saved: Path, tmp_path: Path, case: str) -> None:
    service = EngineService(threads=1)
    done(service, LoadModel(str(saved)))
    before, tokens = service.model, done(service, Tokenize(REQUEST.prompt))
    shutil.copytree(saved, tmp_path / "model")
    SPOILT[case][0](tmp_path / "model")
    with pytest.raises(LoadError):
        done(service, LoadModel(str(tmp_path / "model")))
    assert service.model is before
    assert done(service, Tokenize(REQUEST.prompt)) == tokens
    assert len(results(list(interpret(service.model, REQUEST)))) == len(REQUEST.cells) + 1


@pytest.mark.parametrize("step", ["reading the tokenizer", "reading the weights", "verifying the hooks"])
def test_a_cancel_while_loading_leaves_the_model_that_was_there(saved: Path, step: str) -> None:
    service = EngineService(threads=1)
    done(service, LoadModel(str(saved)))
    before, seen = service.model, []
    with pytest.raises(Cancelled):
        list(
            service.run(LoadModel("demo"), lambda: step in seen, lambda event: seen.append(getattr(event, "step", "")))
        )
    assert service.model is before
    assert [each for each in seen if each][-1] == step


def test_a_new_model_takes_the_place_of_the_one_before(saved: Path) -> None:
    service = EngineService(threads=1)
    done(service, LoadModel("demo"))
    (ready,) = [event for event in done(service, LoadModel(str(saved))) if isinstance(event, ModelReady)]
    assert (ready.model.name, ready.model.family, ready.model.layers) == (str(saved), "llama", 2)
    assert any(isinstance(event, PromptTokens) for event in done(service, Tokenize("the city")))


# Devices, formats, memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:one", "cuda:²", "cpu:", "CUDA", "meta", ""])
def test_a_device_that_is_none_is_refused(saved: Path, device: str) -> None:
    assert_refused(str(saved), f"Invalid device “{device}”", "cuda, cuda:1, mps, cpu or auto", device=device)


@pytest.mark.parametrize("dtype", ["int8", "float", "FP32", ""])
def test_a_number_format_that_is_none_is_refused(saved: Path, dtype: str) -> None:
    assert_refused(str(saved), f"Invalid number format “{dtype}”", "bf16", dtype=dtype)


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "mps"])
def test_a_device_that_is_not_there_becomes_the_cpu_with_a_notice(
    saved: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    events = done(EngineService(threads=1), LoadModel(str(saved), device=device))
    (ready,) = [event for event in events if isinstance(event, ModelReady)]
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert ready.model.device == "cpu"
    assert "is not available on this machine: running on the CPU" in notice.text


def test_an_error_of_moving_that_is_not_of_the_device_is_not_hidden_by_the_cpu() -> None:
    class Broken(torch.nn.Linear):
        def to(self, *args: Any, **kwargs: Any) -> Any:
            if args == ("cpu",):
                pytest.fail("it was moved to the CPU")
            raise RuntimeError("a view of a leaf variable\nmore")

    with pytest.raises(LoadError, match=r"could not be moved to cuda:0 \(a view of a leaf variable more\)") as caught:
        loading.move(Broken(2, 2), torch.device("cuda:0"))
    assert "cpu" in caught.value.remedy


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("Found no NVIDIA driver on your system."),
        AssertionError("Torch not compiled with CUDA enabled"),
        TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."),
    ],
)
def test_a_device_that_is_full_or_not_available_becomes_the_cpu_with_its_reason(error: Exception) -> None:
    class Refused(torch.nn.Linear):
        def to(self, *args: Any, **kwargs: Any) -> Any:
            if args == ("cpu",):
                return self
            raise error

    module, notice = loading.move(Refused(2, 2), torch.device("cuda:0"))
    assert isinstance(module, Refused)
    assert "could not be moved to cuda:0 (" in notice
    assert notice.endswith("running on the CPU.")


def test_a_device_that_fails_when_the_model_moves_there_becomes_the_cpu_with_a_notice(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that torch cannot reach, as after a driver has failed."""
    place = "mps" if not torch.backends.mps.is_available() else "cuda"
    monkeypatch.setattr(placing, "pick_device", lambda wanted: (torch.device(place), ""))
    monkeypatch.setattr(placing, "free_memory", lambda device: None)
    model = load(str(saved))
    assert model.device.type == "cpu"
    assert model.notices[0].startswith(f"The model could not be moved to {place} (")
    assert model.notices[0].endswith("): running on the CPU.")
    assert results(list(interpret(model, REQUEST)))


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
def test_the_checkpoints_own_number_format_is_kept_unless_another_is_asked_for(
    tmp_path: Path, stored: torch.dtype
) -> None:
    folder = save(tmp_path / "model", dtype=stored)
    assert load(str(folder)).dtype == stored
    for name, wanted in (("bf16", torch.bfloat16), ("float32", torch.float32)):
        model = load(str(folder), dtype=name)
        assert model.dtype == wanted
        assert model.verdict == "verified"
    assert model.info().dtype == "fp32"


def test_the_weights_own_number_format_counts_where_the_config_names_none(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", dtype=torch.bfloat16)
    configured(dtype=None, torch_dtype=None)(folder)
    assert load(str(folder)).dtype == torch.bfloat16


def test_weights_larger_than_the_free_memory_are_refused_before_they_are_read(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (saved / "model.safetensors").stat().st_size
    monkeypatch.setattr(loading, "read_weights", lambda *args: pytest.fail("the weights were read"))
    monkeypatch.setattr(placing, "free_memory", lambda device: size - 1)
    assert_refused(str(saved), "The weights need .* GiB and cpu has .* GiB free", "smaller number format")
    monkeypatch.setattr(placing, "free_memory", lambda device: size + 1)
    assert_refused(str(saved), "The weights need", "smaller number format", dtype="float64")


def test_a_smaller_number_format_needs_less_memory(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (saved / "model.safetensors").stat().st_size
    monkeypatch.setattr(placing, "free_memory", lambda device: size * 2 // 3)
    assert load(str(saved), dtype="bf16").dtype == torch.bfloat16


def test_files_that_are_not_read_need_no_memory(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(saved, tmp_path / "model")
    size = (saved / "model.safetensors").stat().st_size
    (tmp_path / "model" / "consolidated.safetensors").write_bytes(b"in another layout" * 10**5)
    monkeypatch.setattr(placing, "free_memory", lambda device: size + 1000)
    assert load(str(tmp_path / "model")).verdict == "verified"


def test_memory_that_runs_out_while_weights_are_read_is_told_as_such(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", exhausted)
    assert_refused(str(saved), "does not fit into memory", "smaller number format")


def test_the_free_memory_of_this_machine_is_known() -> None:
    free = devices.free_memory(torch.device("cpu"))
    assert free is None or 2**20 < free < 2**50


# What loads is what was saved ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("shards", ["1GB", "60KB"])
def test_a_saved_model_interprets_as_the_module_in_hand(tmp_path: Path, family: str, shards: str) -> None:
    folder = save(tmp_path / "model", family, max_shard_size=shards)
    assert (len(list(folder.glob("*.safetensors"))) > 1) == (shards == "60KB")
    loaded = load(str(folder))
    assert loaded.verdict == "verified"
    assert not loaded.notices
    assert_same(results(list(interpret(loaded, REQUEST))), results(list(interpret(build(family, layers=2), REQUEST))))


def test_weights_in_pytorchs_own_format_load_too(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded, in_hand = load(str(folder)), build("llama", layers=2)
    assert_same(results(list(interpret(loaded, REQUEST))), results(list(interpret(in_hand, REQUEST))))


def test_loading_writes_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even where transformers has much to say: an unknown weight, special tokens outside the vocabulary."""
    folder = save(tmp_path / "model", max_shard_size="60KB")
    configured(bos_token_id=10**6)(folder)
    other = save(tmp_path / "other")
    tensors_changed(lambda tensors: tensors.update({"model.extra.weight": torch.ones(3)}))(other)
    capfd.readouterr()
    for name in (str(folder), str(other), "demo"):
        load(name)
    assert capfd.readouterr() == ("", "")


def test_loading_leaves_the_settings_of_transformers_as_they_are(saved: Path) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity_info()
        logging.enable_progress_bar()
        load(str(saved))
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.INFO, True)
    finally:
        logging.set_verbosity(before[0])
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()


OTHER_KINDS: dict[str, Callable[[], Any]] = {
    "encoder": lambda: BertForMaskedLM(BERT),
    "encoder-decoder": lambda: T5ForConditionalGeneration(T5),
    "decoder": lambda: AutoModelForCausalLM.from_config(MAMBA),
}


def saved_kind(kind: str, folder: Path, **options: Any) -> Any:
    """Save a small model of a kind with a tokenizer that has a mask token; the module."""
    torch.manual_seed(0)
    module = OTHER_KINDS[kind]().eval()
    randomise(module)
    module.save_pretrained(folder, **options)
    mask_tokenizer().save_pretrained(folder)
    return module


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_model_load_proven_and_read_as_the_module_in_hand(tmp_path: Path, kind: str) -> None:
    module = saved_kind(kind, tmp_path)
    loaded = load(str(tmp_path))
    assert (loaded.kind, loaded.verdict) == (kind, "verified")
    request = replace(REQUEST, cells=tuple(Cell(layer, 2) for layer in (EMBED, 0)))
    in_hand = verify(adopt(module, loaded.tokenizer))
    assert_same(results(list(interpret(loaded, request))), results(list(interpret(in_hand, request))))


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_model_whose_weights_are_elsewhere_reads_as_one_in_one_place(tmp_path: Path, family: str) -> None:
    folder = save(tmp_path / "model", family)
    whole = load(str(folder))
    places = {name: "disk" if ".1" in name else "cpu" for name in parts_of(whole.module)}
    options = {"device_map": places, "offload_folder": str(tmp_path / "elsewhere"), "dtype": torch.float32}
    module = loading.read_weights(folder, "spread", AutoModelForCausalLM, options)
    assert any(parameter.device.type == "meta" for parameter in module.parameters())
    spread = verify(adopt(module, whole.tokenizer))
    assert spread.verdict == "verified"
    assert_same(results(list(interpret(spread, REQUEST))), results(list(interpret(whole, REQUEST))))


def parts_of(module: Any) -> list[str]:
    """The parts over which a model can be spread: its blocks, and what is outside of them."""
    lists = {name for name, part in module.named_modules() if isinstance(part, torch.nn.ModuleList)}
    blocks = [name for name, _ in module.named_modules() if name.rpartition(".")[0] in lists]
    others = [
        name
        for name, part in module.named_modules()
        if name and not list(part.children()) and not any(name.startswith(f"{block}.") for block in blocks)
    ]
    return blocks + others


def test_all_gpus_where_there_are_none_are_the_cpu_with_a_notice(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = load(str(saved), device="all")
    assert model.device.type == "cpu"
    assert any("No GPU to spread" in notice for notice in model.notices)


@pytest.mark.parametrize("dtype", ["8bit", "4bit"])
def test_quantised_weights_are_refused_where_they_cannot_be_had(
    saved: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(str(saved), f"{dtype} needs a CUDA GPU", "bf16", dtype=dtype, device="cpu")
    monkeypatch.setattr(placing, "pick_device", lambda wanted: (torch.device("cuda", 0), ""))
    monkeypatch.setattr(placing, "find_spec", lambda library: None)
    assert_refused(str(saved), "weights need bitsandbytes, which is not installed", "pip install", dtype=dtype)


def test_quantised_weights_are_put_on_the_gpu_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "pick_device", lambda wanted: (torch.device("cuda", 0), ""))
    monkeypatch.setattr(placing, "find_spec", lambda library: library)
    eight, four = placing.resolve_placement("cuda", "8bit"), placing.resolve_placement("cuda", "4bit")
    assert eight.placed_while_read
    assert eight.options()["device_map"] == {"": torch.device("cuda", 0)}
    assert eight.options()["quantization_config"].load_in_8bit
    assert four.options()["quantization_config"].load_in_4bit
    assert (eight.bytes_a_weight(torch.bfloat16), four.bytes_a_weight(torch.bfloat16)) == (0.5, 0.25)


def test_a_model_that_is_not_proven_opens_with_a_warning_that_says_what_it_means(tmp_path: Path) -> None:
    small("causal", "xlnet").save_pretrained(tmp_path)
    mask_tokenizer().save_pretrained(tmp_path)
    model = load(str(tmp_path))
    assert model.verdict.startswith("a state without later tokens differs by")
    assert model.notices == [
        f"Not verified: {model.verdict} (states depend on later tokens). Its readings may be wrong."
    ]


def test_a_model_that_cannot_be_tried_opens_and_says_which_error_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Any) -> str:
        raise RuntimeError("no kernel for this.\nmore")

    monkeypatch.setattr(verdict, "verdict", broken)
    model = verify(adopt(build("llama", layers=2).module, build("llama", layers=2).tokenizer))
    assert model.verdict == "not verifiable: RuntimeError: no kernel for this."
    assert model.notices == ["Not verifiable: RuntimeError: no kernel for this. Its readings may be wrong."]
