"""A facade opens a name, a module, an nnsight model or a model of the engine, and they all read the same."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import nnsight
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from selfie_tui.demo import model_path
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.engine.model import adopt as describe
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError, RequestError
from selfie_tui.library.api import interpret, interpret_vectors
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.open_model import adopt
from selfie_tui.utils import batch_process_interpretations

PROMPT = "The Eiffel Tower is in Paris"
CELLS = [("embed", 2), (6, 2), (6, -1)]


@pytest.fixture(scope="module")
def module() -> Any:
    return AutoModelForCausalLM.from_pretrained(model_path(), dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(model_path())


@pytest.fixture(scope="module")
def expected(model: Model) -> list[str]:
    texts: list[str] = ModelAgnosticSelfie(model).interpret(PROMPT, "concept", CELLS)["interpretation"]
    return texts


def read(selfie: ModelAgnosticSelfie) -> list[str]:
    texts: list[str] = selfie.interpret(PROMPT, "concept", CELLS)["interpretation"]
    return texts


def test_a_module_with_its_tokenizer_is_read_where_it_is(module: Any, tokenizer: Any, expected: list[str]) -> None:
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    selfie = ModelAgnosticSelfie(module, tokenizer=tokenizer)
    assert selfie.model.module is module
    assert selfie.model.tokenizer is tokenizer
    assert selfie.model.verdict == "verified"
    assert read(selfie) == expected
    assert all(torch.equal(weight, before[name]) for name, weight in module.state_dict().items())


def test_an_nnsight_model_brings_its_module_and_tokenizer(module: Any, tokenizer: Any, expected: list[str]) -> None:
    traced = nnsight.TransformersModel(module, tokenizer=tokenizer, task="text-generation")
    selfie = ModelAgnosticSelfie(traced)
    assert selfie.model.module is module
    assert selfie.model.tokenizer is tokenizer
    assert read(selfie) == expected
    with torch.no_grad(), traced.trace(PROMPT):
        state = nnsight.save(traced.model.layers[6].output)
    assert torch.equal(state.reshape(-1, 256), selfie.get_activations(PROMPT, [6])[6][0])


def test_a_bare_nnsight_wrapper_wants_the_tokenizer(module: Any, tokenizer: Any, expected: list[str]) -> None:
    traced = nnsight.NNsight(module)
    with pytest.raises(RequestError, match="tokenizer="):
        ModelAgnosticSelfie(traced)
    assert read(ModelAgnosticSelfie(traced, tokenizer=tokenizer)) == expected


def test_an_nnsight_model_whose_weights_are_not_loaded_yet_loads_them(tokenizer: Any, expected: list[str]) -> None:
    traced = nnsight.TransformersModel(
        str(model_path()), tokenizer=tokenizer, task="text-generation", dtype=torch.float32
    )
    assert any(parameter.is_meta for parameter in traced._module.parameters())
    assert read(ModelAgnosticSelfie(traced)) == expected


def test_facades_of_one_module_share_its_lock_and_read_right_in_two_threads(
    module: Any, tokenizer: Any, expected: list[str]
) -> None:
    selfies = [
        ModelAgnosticSelfie(module, tokenizer=tokenizer),
        ModelAgnosticSelfie(nnsight.NNsight(module), tokenizer=tokenizer),
    ]
    assert selfies[0].model.lock is selfies[1].model.lock
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda selfie=selfie: found.extend(read(selfie) for _ in range(3)))
        for selfie in selfies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6


def test_a_folder_is_a_name(expected: list[str]) -> None:
    selfie = ModelAgnosticSelfie(model_path(), device="cpu", dtype="fp32")
    assert read(selfie) == expected
    assert selfie.device == "cpu"
    assert selfie.layer_paths == [f"model.layers.{layer}" for layer in range(8)]
    assert "8 layers, cpu" in repr(selfie)


def test_layer_paths_lead_to_the_blocks(selfie: ModelAgnosticSelfie, model: Model) -> None:
    blocks = [model.module.get_submodule(path) for path in selfie.layer_paths]
    assert blocks == list(model.module.model.layers)


def test_a_name_takes_a_number_format() -> None:
    selfie = ModelAgnosticSelfie("demo", device="cpu", dtype="bf16")
    assert selfie.model.dtype == torch.bfloat16
    assert selfie.get_activations(PROMPT, [3])[3].dtype == torch.bfloat16


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_an_absent_device_is_warned_of_at_the_users_line(
    kind: str, module: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for model, its_tokenizer in (("demo", None), (module, tokenizer), (load("demo", device="cpu"), None)):
        with pytest.warns(UserWarning, match=f"{kind} is not available on this machine: running on the CPU") as warned:
            selfie = ModelAgnosticSelfie(model, tokenizer=its_tokenizer, device=kind)
        assert selfie.device == "cpu"
        assert [warning.filename for warning in warned if warning.category is UserWarning] == [__file__]


def test_what_is_not_a_language_model_is_refused(module: Any, tokenizer: Any) -> None:
    for thing in (3, None):
        with pytest.raises(LoadError, match="Expected a language model"):
            ModelAgnosticSelfie(thing, tokenizer=tokenizer)
    with pytest.raises(LoadError):
        ModelAgnosticSelfie(torch.nn.Linear(2, 2), tokenizer=tokenizer)
    with pytest.raises(RequestError, match="tokenizer="):
        ModelAgnosticSelfie(module)
    with pytest.raises(LoadError, match="Invalid device"):
        ModelAgnosticSelfie(module, tokenizer=tokenizer, device="abacus")


def test_a_module_in_hand_keeps_its_number_format(module: Any, tokenizer: Any) -> None:
    with pytest.raises(RequestError, match="dtype cannot be set"):
        ModelAgnosticSelfie(module, tokenizer=tokenizer, dtype="bf16")


def test_a_module_without_weights_is_refused(module: Any, tokenizer: Any) -> None:
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(module.config)
    with pytest.raises(LoadError, match="no weights"):
        ModelAgnosticSelfie(empty, tokenizer=tokenizer)


def test_a_model_is_given_back_and_a_name_is_for_load(model: Model, tokenizer: Any) -> None:
    assert adopt(model) is model
    other = adopt(model, tokenizer)
    assert (other.module, other.tokenizer) == (model.module, tokenizer)
    assert model.tokenizer is not tokenizer
    with pytest.raises(RequestError, match=r'selfie_tui\.load\("demo"\)'):
        adopt("demo")


def test_an_nnsight_models_own_tokenizer_is_adopted_and_another_one_preferred(module: Any, tokenizer: Any) -> None:
    traced = nnsight.TransformersModel(module, tokenizer=tokenizer, task="text-generation")
    assert adopt(traced).tokenizer is tokenizer
    other = AutoTokenizer.from_pretrained(model_path())
    assert adopt(traced, other).tokenizer is other


def test_a_compiled_modules_original_is_read(module: Any, tokenizer: Any) -> None:
    compiled = torch.compile(module)
    assert adopt(compiled, tokenizer).module is module
    assert ModelAgnosticSelfie(nnsight.NNsight(compiled), tokenizer).model.module is module


def test_modules_and_tokenizers_that_are_none_are_refused(module: Any, tokenizer: Any) -> None:
    refused: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        ((module,), RequestError, "without a tokenizer"),
        ((module, "gpt2"), RequestError, "Expected a tokenizer, got the text “gpt2”"),
        ((module, 3), RequestError, "Expected a tokenizer, got 3"),
        ((module, module), RequestError, "Expected a tokenizer"),
        ((tokenizer, module), RequestError, "module first"),
        ((tokenizer,), LoadError, "Expected a language model"),
        ((None, tokenizer), LoadError, "Expected a language model"),
    ]
    for given, kind, message in refused:
        with pytest.raises(kind, match=message):
            adopt(*given)
        with pytest.raises(kind, match=message):
            ModelAgnosticSelfie(*given)


def test_options_that_load_does_not_have_are_refused_with_those_it_has(module: Any, tokenizer: Any) -> None:
    for model, given in (("demo", None), (module, tokenizer)):
        for option in ({"torch_dtype": torch.bfloat16}, {"trust_remote_code": True}):
            with pytest.raises(
                RequestError, match=f"{next(iter(option))} cannot be set here.*device, dtype, layer_paths, report"
            ):
                ModelAgnosticSelfie(model, given, **option)  # type: ignore[arg-type]


def test_a_number_format_of_torch_is_its_name() -> None:
    assert ModelAgnosticSelfie("demo", device="cpu", dtype=torch.bfloat16).model.dtype == torch.bfloat16


def unverified(module: Any, tokenizer: Any) -> Model:
    """A model that the library has not met yet and that says of itself that it is not verified."""
    found = verify(describe(module, tokenizer))
    found.verdict = "logit lens at the last layer differs by 1e+00"
    found.notices = ["Not verified."]
    return found


@pytest.mark.parametrize("how", ["adopt", "facade", "interpret", "vectors", "batch"])
def test_a_model_that_is_not_verified_is_warned_of_once_and_noted_in_every_result(
    how: str, module: Any, tokenizer: Any
) -> None:
    model = unverified(module, tokenizer)
    few: dict[str, Any] = {"max_new_tokens": 1, "relevancy": False}
    ways: dict[str, Any] = {
        "adopt": lambda: adopt(model),
        "facade": lambda: ModelAgnosticSelfie(model),
        "interpret": lambda: interpret(model, PROMPT, layers=6, tokens=2, **few),
        "vectors": lambda: interpret_vectors(model, torch.ones(256), **few),
        "batch": lambda: batch_process_interpretations(model, [PROMPT], "concept", [(6, 2)], **few),
    }
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ways[how]()
        result = interpret(model, PROMPT, layers=6, tokens=2, **few)
    assert [(str(warning.message), warning.filename) for warning in warned] == [("Not verified.", __file__)]
    assert result.notices == ("Not verified.",)
    assert ModelAgnosticSelfie(model).interpret(PROMPT, "concept", (6, 2), **few).notices == ("Not verified.",)


def test_a_verified_model_has_no_notices(module: Any, tokenizer: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert adopt(module, tokenizer).notices == []
