"""What is inspected can be interpreted as a state of the stream is, and kept in a file that says where it is from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors import safe_open
from safetensors.torch import save_file

from selfie_tui import paths
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.inspecting.states import keep_vector, module_cells, read_module
from selfie_tui.engine.inspecting.vector_file import FORMAT, read_vector
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.api import interpret_vectors
from selfie_tui.records import Cell, CellFinished, Edit, Interpretation, KeepVector, ModuleTensor, Preset, Request
from tests.engine.inspecting.models import PROMPT, build, hooked, prompt_of, source

PRESET = Preset("mine", "a man _ is in")


def never() -> bool:
    return False


def results(model: Model, request: Request) -> list[Interpretation]:
    found = {each.index: each.interpretation for each in interpret(model, request) if isinstance(each, CellFinished)}
    return [found[index] for index in range(len(request.cells))]


def request(cells: tuple[Cell, ...], module: ModuleTensor | None = None, injection_layer: int = -1) -> Request:
    return Request(
        prompt=PROMPT, cells=cells, preset=PRESET, max_new_tokens=5, module=module, injection_layer=injection_layer
    )


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "opt", "mpt"])
@pytest.mark.parametrize("injection_layer", [-1, 1])
def test_a_block_read_as_a_module_is_interpreted_as_its_layer(family: str, injection_layer: int) -> None:
    model = build(family)
    cells = tuple(Cell(2, position) for position in (3, 6))
    block = ModuleTensor(model.anatomy.main.blocks[2].path)
    plain = results(model, request(cells, None, injection_layer))
    module = results(model, request(cells, block, injection_layer))
    assert [each.text for each in module] == [each.text for each in plain]
    assert [each.norm for each in module] == [each.norm for each in plain]
    assert [each.layer_norm for each in module] == [each.layer_norm for each in plain]
    assert [each.token for each in module] == [each.token for each in plain]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_an_mlps_output_is_interpreted_as_the_vector_that_it_is(family: str) -> None:
    model = build(family)
    path = next(part.path for part in model.sublayers[0].blocks[1].parts if part.kind == "mlp")
    seen: list[torch.Tensor] = []
    with hooked(model, path, lambda tensor: seen.append(tensor[0, [3, 6]]) or tensor):
        model.module(**model.inputs([list(source(model).ids)], use_cache=False))
    cells = (Cell(1, 3), Cell(1, 6))
    found = results(model, request(cells, ModuleTensor(path)))
    expected = interpret_vectors(model, seen[0], preset=PRESET, max_new_tokens=5)
    assert [each.text for each in found] == [each.text for each in expected.interpretations]


def test_what_does_not_fit_the_stream_is_refused() -> None:
    with pytest.raises(RequestError, match="96 wide, and states of random-llama are 64 wide"):
        results(build("llama"), request((Cell(0, 3),), ModuleTensor("layers.0.mlp.up_proj")))
    model = build("bart")
    asked = replace(request((Cell(0, 1),), ModuleTensor("model.decoder.layers.0")), prompt=prompt_of(model))
    with pytest.raises(RequestError, match="is not in the encoder"):
        results(model, replace(asked, preset=Preset("x", "_ is")))


def test_a_kept_vector_is_the_mean_of_its_states_and_says_where_it_is_from(tmp_path: Path) -> None:
    model, file = build("llama"), tmp_path / "mine.safetensors"
    set_edits(model, [Edit("layers.0.mlp", "scale", 2.0)])
    cells = (Cell(2, 3), Cell(2, 5))
    kept = keep_vector(model, KeepVector(PROMPT, cells, str(file)), never)
    expected = model.read(source(model).ids, [2], [3, 5])[2].mean(0)
    vector = read_vector(str(file))
    set_edits(model, [])
    torch.testing.assert_close(vector.vector, expected)
    assert (kept.name, kept.width, vector.name) == ("mine", 64, "mine")
    assert kept.norm == pytest.approx(float(expected.norm()))
    assert vector.origin is not None
    assert (vector.origin.prompt, vector.origin.cells) == (PROMPT, cells)
    assert [token.text for token in vector.origin.tokens] == [source(model).tokens[at].text for at in (3, 5)]
    assert vector.origin.model.edits == (Edit("model.layers.0.mlp", "scale", 2.0),)
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata()["format"] == FORMAT
        assert list(opened.keys()) == ["vector"]


def test_a_modules_vector_is_kept_under_a_bare_name_and_not_written_over() -> None:
    model, module = build("gpt2"), ModuleTensor("h.1.mlp")
    asked = KeepVector(PROMPT, (Cell(1, 3),), "mlp at 3", module=module)
    kept = keep_vector(model, replace(asked, overwrite=True), never)
    assert Path(kept.file) == paths.vectors_dir() / "mlp at 3.safetensors"
    states, read = read_module(model, PROMPT, module)
    torch.testing.assert_close(read_vector("mlp at 3").vector, states[3])
    assert len(states) == len(read.tokens)
    with pytest.raises(RequestError, match="there already"):
        keep_vector(model, asked, never)
    edit = Edit("h.2", "set", vector="mlp at 3")
    set_edits(model, [edit])
    torch.testing.assert_close(model.read(source(model).ids, [2], [1])[2][0], states[3])
    set_edits(model, [])


@pytest.mark.parametrize("name", ["", "  ", "..", ".hidden", "a/b", "../../etc/passwd", "x" * 200])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="cannot be the name"):
        keep_vector(build("llama"), KeepVector(PROMPT, (Cell(1, 3),), name), never)


def test_files_that_hold_no_vector_say_what_is_wrong(tmp_path: Path) -> None:
    torn, two, matrix = (tmp_path / f"{name}.safetensors" for name in ("torn", "two", "matrix"))
    torn.write_bytes(b"no safetensors")
    save_file({"a": torch.zeros(3), "b": torch.zeros(3)}, two)
    save_file({"a": torch.zeros(3, 4)}, matrix)
    row = tmp_path / "row.safetensors"
    save_file({"direction": torch.arange(4.0).reshape(1, 4)}, row)
    for file, says in ((torn, "cannot be read"), (two, "one vector"), (matrix, "one vector")):
        with pytest.raises(RequestError, match=says):
            read_vector(str(file))
    assert read_vector(str(row)).vector.tolist() == [0, 1, 2, 3]
    assert read_vector(str(row)).origin is None
    save_file({"vector": torch.tensor([1.0, float("nan")])}, row)
    with pytest.raises(RequestError, match="not finite"):
        read_vector(str(row))


def test_a_state_that_is_not_finite_is_not_kept(tmp_path: Path) -> None:
    model = build("llama")
    set_edits(model, [Edit("layers.1", "scale", 1e38), Edit("layers.1", "scale", 1e38)])
    with pytest.raises(RequestError, match="not finite"):
        keep_vector(model, KeepVector(PROMPT, (Cell(1, 3),), str(tmp_path / "x.safetensors")), never)
    set_edits(model, [])
    assert not list(tmp_path.iterdir())


def test_cells_of_a_module_must_be_in_the_prompt() -> None:
    with pytest.raises(RequestError, match="out of range"):
        module_cells(build("llama"), PROMPT, ModuleTensor("layers.1"), [Cell(1, 99)])
