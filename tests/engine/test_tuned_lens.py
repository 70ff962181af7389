"""Tuned lenses in the format of tuned-lens: what its translators do to which layer, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfie_tui.engine.methods import lens
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.engine.model import Model
from selfie_tui.engine.tuned_lens import head_hash, tuned_lens_of
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, LensRow, ReadLens
from tests.engine.test_identities_of_kinds import stream
from tests.engine.zoo import HIDDEN, build, prompt_ids

POSITIONS = (2, 6)


def saved(folder: Path, model: Model, changed: Sequence[int] = (), bias: bool = True, **config: Any) -> Path:
    """A lens for a model as tuned-lens saves it, whose translators but for those that are `changed` do nothing."""
    torch.manual_seed(0)
    parameters = {}
    for index in range(model.layers):
        factor = 0.1 if index in changed else 0.0
        parameters[f"{index}.weight"] = factor * torch.randn(HIDDEN, HIDDEN)
        if bias:
            parameters[f"{index}.bias"] = factor * torch.randn(HIDDEN)
    described = {"base_model_name_or_path": model.name, "d_model": HIDDEN, "num_hidden_layers": model.layers}
    more = {"bias": bias, "base_model_revision": None, "unembed_hash": None, "lens_type": "linear_tuned_lens"}
    folder.mkdir(exist_ok=True)
    torch.save(parameters, folder / "params.pt")
    (folder / "config.json").write_text(json.dumps(described | more | config))
    return folder


def rows(model: Model, folder: Path | None = None) -> dict[tuple[int, int], LensRow]:
    tuned = tuned_lens_of(model, str(folder)) if folder else None
    blocks = logit_lens(model, prompt_ids(), POSITIONS, tuned=tuned)
    return {(row.cell.layer, row.cell.position): row for block in blocks for row in block.rows}


def test_translators_that_do_nothing_are_the_logit_lens(tmp_path: Path) -> None:
    model = build("llama")
    assert rows(model, saved(tmp_path, model)) == rows(model)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_a_translator_changes_the_layer_of_its_hidden_states_alone(tmp_path: Path, index: int, bias: bool) -> None:
    model, layer = build("gpt2"), EMBED + index
    folder = saved(tmp_path, model, [index], bias)
    plain, tuned = rows(model), rows(model, folder)
    assert {layer for layer, position in plain if plain[layer, position] != tuned[layer, position]} == {layer}
    parameters = torch.load(folder / "params.pt")
    states = model.read(prompt_ids(), [layer], POSITIONS)[layer]
    moved = states + states @ parameters[f"{index}.weight"].T + parameters.get(f"{index}.bias", 0)
    probabilities = lens_logits(model, moved).softmax(-1)
    for position, expected in zip(POSITIONS, probabilities, strict=True):
        for token in tuned[layer, position].top:
            assert token.probability == pytest.approx(float(expected[token.id]), rel=1e-4)


def test_a_task_names_the_folder_and_so_does_what_was_read(tmp_path: Path) -> None:
    model = build("llama")
    folder = saved(tmp_path, model, [1, 2])
    (event,) = lens.run(model, ReadLens("the city", (1,), tuned=str(folder)), lambda: False)
    (plain,) = lens.run(model, ReadLens("the city", (1,)), lambda: False)
    assert (event.tuned, plain.tuned) == (str(folder), "")
    assert event.answers == plain.answers
    assert event.rows != plain.rows


def test_a_lens_is_read_again_when_its_files_have_changed(tmp_path: Path) -> None:
    model = build("llama")
    folder = str(saved(tmp_path, model))
    before = tuned_lens_of(model, folder)
    assert tuned_lens_of(model, folder) is before
    saved(tmp_path, model, [0])
    assert tuned_lens_of(model, folder) is not before


def test_half_precision_parameters_of_an_early_versions_file_are_read(tmp_path: Path) -> None:
    model = build("llama")
    plain = rows(model, saved(tmp_path, model, [1, 3]))
    parameters = torch.load(tmp_path / "params.pt")
    torch.save(
        {f"layer_translators.{name}": value.half() for name, value in parameters.items()}, tmp_path / "params.pt"
    )
    for cell, row in rows(model, tmp_path).items():
        assert row.top[0].probability == pytest.approx(plain[cell].top[0].probability, rel=1e-2)


@pytest.mark.parametrize("size", [(6, 5), (400, HIDDEN)], ids=["printed as a whole", "printed by its corners"])
def test_a_head_has_the_hash_that_tuned_lens_gives_it(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama")
    head = torch.nn.Linear(size[1], size[0])
    monkeypatch.setitem(model.modules, model.anatomy.head, head)
    printed = np.array_str(head.weight.detach().numpy(), precision=1)
    assert head_hash(model) == hashlib.sha256(printed.encode()).hexdigest()


def test_a_lens_of_another_name_is_this_models_if_the_head_is(tmp_path: Path) -> None:
    model = build("llama")
    with pytest.raises(RequestError, match="is for org/other, and the model is random-llama"):
        tuned_lens_of(model, str(saved(tmp_path, model, base_model_name_or_path="org/other")))
    other = saved(tmp_path, model, base_model_name_or_path="org/other", unembed_hash=head_hash(model))
    assert len(tuned_lens_of(model, str(other)).translators) == model.layers
    assert tuned_lens_of(model, str(saved(tmp_path, model, base_model_name_or_path="org/Random-Llama")))


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"d_model": 32}, "of width 32 and 4 layers; random-llama has width 64 and 4 layers"),
        ({"num_hidden_layers": 12}, "of width 64 and 12 layers"),
        ({"lens_type": "other_lens"}, "of the kind “other_lens”"),
        ({"d_model": None}, "does not say d_model"),
    ],
)
def test_a_lens_of_another_model_or_kind_is_refused_in_one_sentence(
    tmp_path: Path, config: dict[str, Any], cause: str
) -> None:
    model = build("llama")
    with pytest.raises(RequestError, match=cause) as refused:
        tuned_lens_of(model, str(saved(tmp_path, model, **config)))
    assert refused.value.remedy


class Runs:
    """What would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("ran",))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "it has no params.pt"),
        (b"", "cannot be read"),
        (b"no archive", "cannot be read"),
        ({"0.weight": torch.zeros(3, 3)}, "has no translator 0 of width 64"),
        ([1, 2], "it holds no translators"),
        ({"0.weight": Runs()}, "cannot be read"),
    ],
    ids=["missing", "empty", "rubbish", "other shapes", "a list", "code"],
)
def test_parameters_that_cannot_be_read_are_refused(
    tmp_path: Path, content: object, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build("llama")
    path = saved(tmp_path, model) / "params.pt"
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(RequestError, match=cause) as refused:
        tuned_lens_of(model, str(tmp_path))
    assert refused.value.remedy
    assert "ran" not in capsys.readouterr().out


def test_a_folder_without_a_lens_and_a_configuration_that_is_none_are_refused(tmp_path: Path) -> None:
    model = build("llama")
    with pytest.raises(RequestError, match=r"it has no config\.json"):
        tuned_lens_of(model, str(tmp_path / "missing"))
    saved(tmp_path, model)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RequestError, match=r"config\.json of the tuned lens in .* cannot be read"):
        tuned_lens_of(model, str(tmp_path))


def test_a_model_that_is_no_decoder_has_no_tuned_lens(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="of a decoder, and t5 is an encoder-decoder"):
        tuned_lens_of(stream("seq2seq", "t5", "decoder").model, str(tmp_path))
