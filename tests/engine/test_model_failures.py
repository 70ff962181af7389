"""An error of the model's own code is reported as one; an error of this package is never taken for one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy import calls, finding
from selfie_tui.engine.anatomy.calls import MODEL_ERRORS, ModelFailed, model_code
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError
from selfie_tui.records import Cell, CellFinished, Interpretation, Notice, Preset, Request
from tests.engine.zoo import build, byte_tokenizer, prompt_ids
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

TOO_LONG = [5] * 400


class Failing(nn.Module):
    """A module whose forward raises."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error("of the model")


@pytest.mark.parametrize("error", MODEL_ERRORS)
def test_an_error_in_a_forward_is_the_models(error: type[Exception]) -> None:
    with pytest.raises(ModelFailed, match=f"{error.__name__}: .*of the model"), model_code():
        Failing(error)(torch.zeros(1))


def test_a_call_with_arguments_that_a_forward_does_not_take_is_the_models_failure() -> None:
    with pytest.raises(ModelFailed, match="unexpected keyword argument"), model_code():
        nn.Linear(2, 2)(input=torch.zeros(1, 2), colour=1)


def test_an_error_of_a_forward_within_a_trace_is_the_models() -> None:
    with pytest.raises(ModelFailed, match="IndexError"), model_code():
        build("gpt2").read(TOO_LONG, [1], [0])


def test_an_error_of_ours_within_a_trace_is_ours() -> None:
    model = build("gpt2")
    with pytest.raises(IndexError, match="out of bounds"), model_code():
        tracing.read_residuals(model.traced, "", model.inputs([prompt_ids()]), [1], ([0], [99]))


@pytest.mark.parametrize("error", [KeyError, AttributeError, RuntimeError])
def test_an_error_in_a_hook_of_ours_during_a_forward_is_ours(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(value: Any) -> Any:
        raise error("of ours")

    monkeypatch.setattr(calls, "parts_of", within_the_package(broken))
    with pytest.raises(error, match="of ours"):
        adopt(small("causal", "llama"), byte_tokenizer())


def within_the_package(function: Any) -> Any:
    """A function whose code counts as that of the package."""
    function.__code__ = function.__code__.replace(co_filename=calls.__file__)
    return function


def test_an_error_of_ours_before_any_module_is_called_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "watch", lambda *args: {}["missing"])
    with pytest.raises(KeyError, match="missing"):
        adopt(small("causal", "llama"), byte_tokenizer())


def test_a_model_whose_forward_fails_is_refused_with_the_cause() -> None:
    module = small("causal", "llama")
    module.model.layers[1].mlp = Failing(KeyError)
    with pytest.raises(LoadError, match=r"A first forward over a few tokens failed \(KeyError: 'of the model'\)"):
        adopt(module, byte_tokenizer())


def test_sub_layers_of_a_model_whose_forward_fails_are_refused_with_the_cause() -> None:
    model = adopt(small("causal", "llama"), byte_tokenizer())
    model.module.model.layers[1].mlp = Failing(AttributeError)
    with pytest.raises(LoadError, match=r"A forward over a few tokens failed \(AttributeError: of the model\)"):
        _ = model.sublayers


def test_a_model_that_fails_with_its_cache_is_run_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = small("causal", "llama")
    forward = type(module.model.layers[0].mlp).forward

    def without_cache(part: Any, states: torch.Tensor) -> torch.Tensor:
        if states.shape[1] == 1:
            raise RuntimeError("one token alone")
        return forward(part, states)

    monkeypatch.setattr(type(module.model.layers[0].mlp), "forward", without_cache)
    monkeypatch.setattr("selfie_tui.engine.generation.prefill.is_expandable", lambda cache: False)
    model = verify(adopt(module, byte_tokenizer()))
    assert (model.verdict, model.cached) == ("verified", False)


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("causal", "llama"),
        ("causal", "gpt2"),
        ("causal", "bloom"),
        ("causal", "gemma2"),
        ("causal", "mamba"),
        ("seq2seq", "t5"),
        ("seq2seq", "bart"),
        ("masked", "bert"),
    ],
)
def test_a_configuration_that_asks_for_tuples_changes_nothing_and_stays(kind: Kind, family: str) -> None:
    expected = verify(adopt(small(kind, family), mask_tokenizer()))
    module = small(kind, family)
    module.config.return_dict = False
    model = verify(adopt(module, mask_tokenizer()))
    assert model.verdict == expected.verdict == "verified"
    one, other = interpreted_by(model), interpreted_by(expected)
    assert one == other
    assert len(one) == 1
    assert model.sublayers[0].blocks
    assert module.config.return_dict is False


def interpreted_by(model: Model) -> list[Interpretation]:
    request = Request("the Eiffel Tower", (Cell(1, 2),), Preset("test", "a man in _ _ is"), max_new_tokens=3)
    return [event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)]


def test_a_hook_that_a_user_puts_on_a_block_later_is_noticed_and_named_by_the_run() -> None:
    module = small("causal", "llama")
    model = verify(adopt(module, byte_tokenizer()))
    request = Request("the Eiffel Tower", (Cell(1, 2),), Preset("test", "a man in _ _ is"), max_new_tokens=3)

    def notices() -> list[str]:
        return [event.text for event in interpret(model, request) if isinstance(event, Notice)]

    assert notices() == []
    hook = module.model.layers[2].register_forward_hook(lambda module, args, output: output * 1.5)
    assert [text.split(" after ")[0] for text in notices()] == ["A hook was put on model.layers.2"]
    again = verify(adopt(module, byte_tokenizer()))
    assert again.verdict.startswith("block input differs by")
    hook.remove()
    assert notices() == []
