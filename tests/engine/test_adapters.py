"""Adapters of PEFT, in a folder and in hand: they give what plain hooks give on the merged model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from peft import LoraConfig, PromptTuningConfig, get_peft_model

import selfie_tui
from selfie_tui.engine.loading import placement
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.loading.revision import content_hash
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.errors import LoadError
from selfie_tui.paths import model_path
from selfie_tui.records import EMBED, Cell, CellFinished, Interpretation, Preset, Request
from tests.engine.reference import interpreted, state_at

PROMPT = "The Eiffel Tower is located in the city of"
CELLS = tuple(Cell(layer, position) for layer in (EMBED, 0, 3) for position in (2, 8))
REQUEST = Request(PROMPT, CELLS, Preset("test", "The meaning of _ _ is"), max_new_tokens=6)
ROUNDING = 1e-4
"""A product with the adapter apart is rounded in another order than one with merged weights."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def adapted() -> Any:
    """A `PeftModel` around the bundled model with a LoRA of random weights, the same at every call."""
    torch.manual_seed(1)
    module = load("demo", device="cpu", dtype="fp32").module
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "o_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(module, config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.copy_(0.15 * torch.randn_like(weight))
    return model.eval()


@pytest.fixture(scope="module")
def merged() -> Model:
    """The bundled model with the same LoRA merged into its weights, for plain hooks."""
    return adopt(adapted().merge_and_unload(), load("demo", device="cpu").tokenizer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The LoRA as `save_pretrained` writes it."""
    path = tmp_path_factory.mktemp("adapters") / "my-lora"
    adapted().save_pretrained(path)
    return path


def read_by(model: Model) -> list[Interpretation]:
    events = interpret(model, REQUEST)
    return [event.interpretation for event in events if isinstance(event, CellFinished)]


def assert_gives_what_the_merged_model_gives(model: Model, merged: Model) -> None:
    plain = load("demo", device="cpu", dtype="fp32")
    ids = model.tokenizer(PROMPT)["input_ids"]
    for cell in CELLS:
        own = model.read(ids, [cell.layer], [cell.position])[cell.layer][0]
        torch.testing.assert_close(own, state_at(merged, PROMPT, cell), atol=ROUNDING, rtol=ROUNDING)
        if cell.layer > 0:
            assert not torch.allclose(own, state_at(plain, PROMPT, cell), atol=0.1)
    found = read_by(model)
    assert len(found) == len(CELLS)
    for cell, interpretation in zip(CELLS, found, strict=True):
        expected = interpreted(merged, REQUEST, cell)
        assert [token.id for token in interpretation.tokens] == expected.ids
        for token, probability, effect in zip(
            interpretation.tokens, expected.probabilities, expected.effects, strict=True
        ):
            assert token.probability == pytest.approx(probability, abs=ROUNDING)
            assert token.effect == pytest.approx(effect, abs=ROUNDING)


def test_an_adapter_folder_gives_what_plain_hooks_on_the_merged_model_give(folder: Path, merged: Model) -> None:
    model = load(folder, device="cpu", dtype="fp32")
    assert model.verdict == "verified"
    assert_gives_what_the_merged_model_gives(model, merged)


def test_a_peft_model_in_hand_gives_what_plain_hooks_on_the_merged_model_give(merged: Model) -> None:
    model = selfie_tui.adopt(adapted(), merged.tokenizer)
    assert model.verdict == "verified"
    assert_gives_what_the_merged_model_gives(model, merged)


def test_base_model_and_adapter_are_named_in_the_description(folder: Path) -> None:
    info = load(folder, device="cpu").info()
    assert (info.base, info.adapter, info.title) == ("demo", str(folder), "demo + my-lora")
    assert info.revision == f"{content_hash(folder.glob('adapter_*'))} on {load('demo').info().revision}"
    in_hand = selfie_tui.adopt(adapted(), load("demo", device="cpu").tokenizer, name="mine").info()
    assert (in_hand.base, in_hand.adapter, in_hand.title) == ("mine", "default", "mine + default")


def test_sub_layers_are_found_under_an_adapter(folder: Path) -> None:
    blocks = load(folder, device="cpu", dtype="fp32").sublayers[0].blocks
    assert all(block.part("attention") and block.part("mlp") and not block.lacking for block in blocks)


def test_the_base_model_may_lie_beside_its_adapter(folder: Path, tmp_path: Path, merged: Model) -> None:
    copy = copy_of(folder, tmp_path, base_model_name_or_path="base")
    load("demo", device="cpu", dtype="fp32").module.save_pretrained(copy / "base")
    merged.tokenizer.save_pretrained(copy / "base")
    model = load(copy, device="cpu", dtype="fp32")
    assert (model.verdict, model.base) == ("verified", "base")
    assert [each.text for each in read_by(model)] == [each.text for each in read_by(load(folder, dtype="fp32"))]


def copy_of(folder: Path, tmp_path: Path, **changes: object) -> Path:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.glob("adapter_*"):
        (copy / path.name).write_bytes(path.read_bytes())
    written = json.loads((copy / "adapter_config.json").read_text()) | changes
    (copy / "adapter_config.json").write_text(json.dumps(written))
    return copy


def without_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def of_another_shape(folder: Path) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": 8}))


def naming(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (without_weights, "has no adapter weights"),
        (of_another_shape, "does not fit its base model"),
        (naming(target_modules=["q_proj", "gate_proj"]), "does not fit its base model"),
        (naming(base_model_name_or_path=None), "does not name the base model"),
        (naming(base_model_name_or_path="/no/such/folder"), "base model of .* could not be opened: Folder not found"),
        (naming(base_model_name_or_path="someone/nothing"), "base model of .* could not be opened: someone/nothing"),
        (naming(base_model_name_or_path="."), "is an adapter itself"),
        (naming(peft_type="NO_SUCH_KIND"), "describes no adapter that PEFT knows"),
        (lambda folder: (folder / "adapter_config.json").write_text("[" * 100_000), "cannot be read"),
    ],
)
def test_an_adapter_that_cannot_be_opened_is_refused_with_the_cause(
    change: Callable[[Path], None], cause: str, folder: Path, tmp_path: Path
) -> None:
    copy = copy_of(folder, tmp_path)
    change(copy)
    with pytest.raises(LoadError, match=cause) as caught:
        load(copy, device="cpu")
    assert caught.value.remedy


def test_without_peft_the_refusal_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "find_spec", lambda library: None)
    with pytest.raises(LoadError, match="Adapters need peft, which is not installed") as caught:
        load(folder)
    assert "pip install peft" in caught.value.remedy


def test_adapters_of_virtual_tokens_are_refused() -> None:
    base = load("demo", device="cpu")
    model = get_peft_model(base.module, PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"))
    with pytest.raises(LoadError, match="virtual tokens"):
        selfie_tui.adopt(model, base.tokenizer)


def test_peft_is_imported_for_adapters_alone() -> None:
    from subprocess import run

    code = "import sys; from selfie_tui.engine.loading.load import load; load('demo'); print('peft' in sys.modules)"
    found = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_bundled_model_is_the_base_that_the_folder_names(folder: Path) -> None:
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(model_path())
