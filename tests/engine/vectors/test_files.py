"""Files of vectors: what each kind holds is read as it is, and what is damaged is refused in one sentence."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from selfie_tui.engine.inspecting.vector_file import FORMAT, LAYERS_FORMAT, read_vector, read_vectors, write_vector
from selfie_tui.engine.methods.vectors import read_vector_file
from selfie_tui.engine.vectors.adapters import read_adapter
from selfie_tui.engine.vectors.control_vectors import read_control_vector
from selfie_tui.engine.vectors.directions import Directions, find_directions
from selfie_tui.engine.vectors.files import open_file, open_vector
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.kept_vectors import entry_of, kept_names, kept_vectors, put_back, remove_vector, rename_vector
from selfie_tui.records import Cell, Origin, ReadVectorFile, VectorFileRead
from tests.engine.inspecting.models import build


def one_sentence(error: SelfieError) -> bool:
    """Whether an error says its cause in a line, and what to do."""
    return "\n" not in error.cause and len(error.cause) < 400 and bool(error.remedy)


def is_finite_or_refused(file: Path) -> bool:
    """Whether a file is read as finite numbers, or refused with a cause and a remedy."""
    try:
        found = open_file(str(file))
    except RequestError as error:
        return one_sentence(error)
    return isinstance(found, Directions) or bool(found.rows.isfinite().all())


def write_control_vector(file: Path, rows: dict[int, np.ndarray], architecture: str = "controlvector") -> Path:
    """A control vector as repeng writes it."""
    writer = GGUFWriter(file, architecture)
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", len(rows))
    for layer, row in rows.items():
        writer.add_tensor(f"direction.{layer}", row)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def control_vector(tmp_path: Path) -> Path:
    rows = {layer: np.arange(8, dtype=np.float32) + layer for layer in (3, 1, 2)}
    return write_control_vector(tmp_path / "happy.gguf", rows)


def test_a_control_vector_has_a_direction_for_the_layer_of_its_number(control_vector: Path) -> None:
    found = open_vector(str(control_vector))
    assert found.layers == (1, 2, 3)
    assert found.rows.tolist() == [[index + layer for index in range(8)] for layer in (1, 2, 3)]
    assert open_vector(str(control_vector), layer=2).rows.tolist() == [[float(index + 2) for index in range(8)]]
    with pytest.raises(RequestError, match="no vector for L7: it is of L1 to L3"):
        open_vector(str(control_vector), layer=7)
    with pytest.raises(RequestError, match="one is needed"):
        found.single()


def test_half_precision_control_vectors_are_read(tmp_path: Path) -> None:
    row = np.array([0.5, -2.0, 3.25], dtype=np.float16)
    assert read_control_vector(write_control_vector(tmp_path / "h.gguf", {5: row})).rows.tolist() == [[0.5, -2.0, 3.25]]


@pytest.mark.parametrize(
    ("rows", "architecture", "says"),
    [
        ({1: np.zeros(4, np.float32)}, "llama", "is not a control vector: its architecture is llama"),
        ({1: np.zeros(4, np.float32)}, "one\nother", "its architecture is one"),
        ({}, "controlvector", "has no directions"),
        ({1: np.zeros(4, np.float32), 2: np.zeros(5, np.float32)}, "controlvector", "not of one width"),
        ({1: np.array([1, np.nan], np.float32)}, "controlvector", "direction.1 .* is not finite"),
        ({1: np.zeros(4, np.int32)}, "controlvector", "is not float32"),
    ],
)
def test_other_gguf_files_are_refused(tmp_path: Path, rows: dict, architecture: str, says: str) -> None:
    with pytest.raises(RequestError, match=says) as error:
        open_file(str(write_control_vector(tmp_path / "x.gguf", rows, architecture)))
    assert one_sentence(error.value)


def test_a_truncated_control_vector_is_refused_at_every_length(control_vector: Path, tmp_path: Path) -> None:
    whole, part = control_vector.read_bytes(), tmp_path / "part.gguf"
    for length in range(0, len(whole) - 32, 5):
        part.write_bytes(whole[:length])
        with pytest.raises(RequestError) as error:
            open_file(str(part))
        assert one_sentence(error.value)


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_control_vector_is_read_or_refused(control_vector: Path, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(control_vector.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "damaged.gguf"
    file.write_bytes(bytes(damaged))
    assert is_finite_or_refused(file)


def test_a_gguf_header_that_says_it_is_huge_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "huge.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62))
    with pytest.raises(RequestError, match="ends"):
        open_file(str(file))


def test_a_vector_of_several_layers_is_kept_and_read_back(tmp_path: Path) -> None:
    rows, file = torch.randn(3, 8), tmp_path / "formal.safetensors"
    write_vector(str(file), rows, Origin(None, prompts=("a", "b"), against=("c",), layers=(4, 5, 9)))
    kept = read_vectors(str(file))
    assert kept.rows.equal(rows)
    assert kept.layers == (4, 5, 9)
    assert kept.origin is not None
    assert kept.origin.made_of == "2 − 1 prompts"
    found = open_vector(str(file), layer=9)
    assert (found.layers, found.where) == ((9,), "L9")
    assert found.rows.equal(rows[2:])
    entry = entry_of(file)
    assert (entry.name, entry.width, entry.layers, entry.problem) == ("formal", 8, (4, 5, 9), "")
    assert entry.norm == pytest.approx(float(rows.norm(dim=-1).mean()), rel=1e-5)
    with pytest.raises(RequestError, match="one for each of 3 layers"):
        read_vector(str(file))


def test_the_layer_of_a_kept_state_is_that_of_its_cells(tmp_path: Path) -> None:
    file = tmp_path / "of@L5.safetensors"
    write_vector(str(file), torch.ones(4), Origin(None, "a b", (Cell(5, 1), Cell(5, 2))))
    assert open_vector(str(file)).layers == (5,)
    write_vector(str(file), torch.ones(4), Origin(None, "a b", (Cell(5, 1), Cell(6, 2))), overwrite=True)
    assert open_vector(str(file)).layers == ()


def test_kept_vectors_are_listed_by_their_headers_and_deleted(tmp_path: Path) -> None:
    for name in ("b", "a-b", "of city"):
        write_vector(str(tmp_path / f"{name}.safetensors"), torch.ones(4), Origin(None, "x", (Cell(1, 0),)))
    (tmp_path / "torn.safetensors").write_bytes(b"no")
    (tmp_path / "huge.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    (tmp_path / "list.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]")
    save_file({"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "two.safetensors")
    entries = {entry.name: entry for entry in kept_vectors(tmp_path)}
    assert {name for name, entry in entries.items() if entry.problem} == {"torn", "huge", "list", "two"}
    assert (entries["a-b"].width, entries["a-b"].norm, entries["a-b"].layers) == (4, 2.0, (1,))
    assert kept_names(tmp_path) == ("a-b", "b", "huge", "list", "of city", "torn", "two")
    assert remove_vector("of city", tmp_path) == tmp_path / "of city.safetensors"
    assert "of city" not in kept_names(tmp_path)
    for name in ("of city", "../b", ""):
        with pytest.raises(RequestError, match="was kept"):
            remove_vector(name, tmp_path)
    assert kept_vectors(tmp_path / "nowhere") == ()


def write_safetensors(file: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(written) if length is None else length) + written + data)
    return file


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"vector": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}, b"\0" * 31, None),
        ({"vector": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, b"", None),
        ({"vector": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 2**64 - 1]}}, b"", None),
        ({"vector": {"dtype": "F99", "shape": [8], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({}, b"", 2**50),
        ({}, b"", 2**63),
        (b"{" * 2000, b"", None),
        ({"vector": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, b"", None),
        ({"vector": {"dtype": "I64", "shape": [4], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({"vector": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, b"\0" * 4, None),
        ({"W_dec": {"dtype": "I64", "shape": [2, 2], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({"W_dec": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({"W_dec": {"dtype": "F32", "shape": [0, 8], "data_offsets": [0, 0]}}, b"", None),
        ({"W_dec": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]}}, b"\0" * 127, None),
        ({"W_dec": {"dtype": "F32", "shape": [2**40, 8], "data_offsets": [0, 2**45]}}, b"", None),
        ({"W_dec": {"dtype": "F8_E4M3", "shape": [4, 8], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({"decoder.weight": {"dtype": "F32", "shape": [2, 2, 2], "data_offsets": [0, 32]}}, b"\0" * 32, None),
        ({"vector": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, struct.pack("<ff", 1, float("inf")), None),
    ],
)
def test_damaged_safetensors_are_refused_in_one_sentence(
    tmp_path: Path, header: object, data: bytes, length: int | None
) -> None:
    file = write_safetensors(tmp_path / "x.safetensors", header, data, length)
    with pytest.raises(RequestError) as error:
        open_file(str(file))
    assert one_sentence(error.value)
    entry_of(file)


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_vector_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "v.safetensors"
    write_vector(str(file), torch.arange(4.0), Origin(None, "p", (Cell(1, 0),)), overwrite=True)
    damaged = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    file.write_bytes(bytes(damaged))
    entry_of(file)
    assert is_finite_or_refused(file)


def test_metadata_that_are_not_of_a_vector_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"vector": torch.ones(4)}, file, {"format": FORMAT, "source": "[[[", "norm": "no"})
    assert read_vectors(str(file)).origin is None
    assert entry_of(file).norm is None
    save_file({"vector": torch.ones(2, 4)}, file, {"format": LAYERS_FORMAT, "layers": "[1]"})
    with pytest.raises(RequestError, match="does not hold one vector"):
        read_vectors(str(file))


@pytest.mark.parametrize(
    ("key", "transposed"),
    [
        ("W_dec", False),
        ("decoder.weight", True),
        ("decoder_linear.weight", True),
        ("sae.W_dec", False),
        ("W_dec", True),
        ("sae.decoder.weight", False),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_directions_are_read_by_index_whichever_way_they_lie(
    tmp_path: Path, key: str, transposed: bool, dtype: torch.dtype
) -> None:
    rows, file = torch.randn(40, 6).to(dtype), tmp_path / "sae.safetensors"
    save_file({key: rows.T.contiguous() if transposed else rows, "b_enc": torch.zeros(40)}, file)
    found = open_file(str(file))
    assert isinstance(found, Directions)
    assert (found.count, found.width) == (40, 6)
    assert open_vector(str(file), index=7).rows.equal(rows[7:8].float())
    assert torch.cat([part for _, part in found.parts(16)]).equal(rows.float())
    with pytest.raises(RequestError, match="has no direction 40: there are 40"):
        open_vector(str(file), index=40)
    with pytest.raises(RequestError, match="has 40 directions"):
        open_vector(str(file))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("key", "beside"),
    [
        ("W_dec", {"b_dec": 40}),
        ("W_dec", {"b_enc": 6}),
        ("sae.W_dec", {"sae.threshold": 6, "b_dec": 6}),
        ("decoder.weight", {"decoder.bias": 40}),
        ("decoder_linear.weight", {"encoder_linear.bias": 6}),
    ],
)
def test_fewer_directions_than_width_are_told_by_the_biases_beside_them(
    tmp_path: Path, key: str, beside: dict[str, int], transposed: bool
) -> None:
    rows, file = torch.randn(6, 40), tmp_path / "sae.safetensors"
    biases = {name: torch.zeros(size) for name, size in beside.items()}
    save_file({key: rows.T.contiguous() if transposed else rows, **biases}, file)
    found = find_directions(file)
    assert found is not None
    assert (found.count, found.width) == (6, 40)
    assert found.one(5).rows.equal(rows[5:6])


def test_several_decoders_are_refused_with_their_names(tmp_path: Path) -> None:
    file = tmp_path / "sae.safetensors"
    save_file({"1.W_dec": torch.randn(40, 6), "0.W_dec": torch.randn(40, 6)}, file)
    with pytest.raises(RequestError, match=r"has 2 decoders: 0\.W_dec, 1\.W_dec") as error:
        open_vector(str(file), index=1)
    assert one_sentence(error.value)


def test_the_layer_of_directions_is_told_by_what_is_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "blocks.8.hook_resid_pre"
    folder.mkdir()
    file = folder / "sae_weights.safetensors"
    save_file({"W_dec": torch.randn(40, 6)}, file)
    assert open_vector(str(file), index=1).layers == (7,)
    (folder / "cfg.json").write_text(json.dumps({"hook_name": "blocks.3.hook_resid_post"}))
    assert open_vector(str(file), index=1).layers == (3,)
    (folder / "cfg.json").write_text("{[")
    assert open_vector(str(file), index=1).layers == (7,)
    plain = tmp_path / "w.safetensors"
    save_file({"W_dec": torch.randn(40, 6)}, plain)
    found = find_directions(plain)
    assert found is not None
    assert found.layer is None


def test_what_is_not_a_vector_file_says_what_to_do(tmp_path: Path) -> None:
    for name, says in (("sae.pt", "pickle"), ("params.npz", "numpy")):
        file = tmp_path / name
        file.write_bytes(b"x")
        with pytest.raises(RequestError, match=says):
            open_file(str(file))
    with pytest.raises(RequestError, match="No vector “nobody”"):
        open_file("nobody")
    with pytest.raises(RequestError, match="cannot be read"):
        open_file(str(tmp_path / "nowhere.gguf"))
    file = tmp_path / "v.safetensors"
    write_vector(str(file), torch.ones(4), Origin(None))
    with pytest.raises(RequestError, match="no directions to choose"):
        open_vector(str(file), index=3)


def adapter(
    file: Path, kind: str, tensors: dict[str, torch.Tensor], flat: bool = False, normalise: bool = True
) -> Path:
    projection = {"type": kind, "normalize_input": normalise, "init_scale": 1.0, "low_rank_rank": 2}
    metadata = (
        {"projection_type": kind, "normalize_input": str(normalise)}
        if flat
        else {"config_json": json.dumps({"model_dim": 4, "projection": projection})}
    )
    save_file(tensors, file, metadata)
    return file


@pytest.mark.parametrize("flat", [False, True])
def test_adapters_are_the_maps_that_their_files_say(tmp_path: Path, flat: bool) -> None:
    torch.manual_seed(0)
    v, bias, u, w = torch.randn(3, 4), torch.randn(4), torch.randn(4, 2), torch.randn(4, 2)
    scale, whole, file = torch.tensor(0.7), torch.randn(4, 4), tmp_path / "a.safetensors"
    unit = v / v.norm(dim=-1, keepdim=True)
    affine = scale.exp() * unit + bias
    cases = {
        "scale_only": ({"log_scale": scale}, scale.exp() * unit),
        "scalar_affine": ({"log_scale": scale, "bias": bias}, affine),
        "scalar_affine_plus_low_rank": (
            {"log_scale": scale, "bias": bias, "U": u, "V": w},
            affine + torch.stack([u @ (w.T @ each) for each in unit]),
        ),
        "low_rank_only": ({"U": u, "V": w}, torch.stack([u @ (w.T @ each) for each in unit])),
        "full_rank": ({"weight": whole, "bias": bias}, torch.stack([whole @ each for each in unit]) + bias),
    }
    for kind, (tensors, expected) in cases.items():
        found = read_adapter(adapter(file, kind, tensors, flat))
        torch.testing.assert_close(found.apply(v), expected)
    raw = read_adapter(adapter(file, "scale_only", {"log_scale": scale}, flat, normalise=False))
    torch.testing.assert_close(raw.apply(v), scale.exp() * v)
    assert raw.width == 0


@pytest.mark.parametrize(
    ("kind", "tensors", "says"),
    [
        ("quadratic", {"bias": torch.ones(4)}, "is not an affine adapter: it says the projection is quadratic"),
        ("full_rank", {"bias": torch.ones(4)}, "is not an affine adapter"),
        ("scalar_affine", {"log_scale": torch.ones(2), "bias": torch.ones(4)}, "log_scale .* does not fit"),
        ("low_rank_only", {"U": torch.ones(4, 2), "V": torch.ones(4, 3)}, "V .* does not fit"),
        ("full_rank", {"weight": torch.ones(4, 5)}, "weight .* does not fit"),
        ("scalar_affine", {"log_scale": torch.tensor(0.0), "bias": torch.tensor([1.0, torch.nan])}, "not finite"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(
    tmp_path: Path, kind: str, tensors: dict[str, torch.Tensor], says: str
) -> None:
    with pytest.raises(RequestError, match=says) as error:
        read_adapter(adapter(tmp_path / "a.safetensors", kind, tensors))
    assert one_sentence(error.value)


def test_a_pickled_adapter_is_refused_with_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="pickle"):
        read_adapter(tmp_path / "adapter.pt")
    with pytest.raises(RequestError, match="no file"):
        read_adapter(tmp_path / "adapter.safetensors")
    file = write_safetensors(tmp_path / "b.safetensors", {"__metadata__": {"config_json": "{["}})
    with pytest.raises(RequestError, match="cannot be read as JSON"):
        read_adapter(file)


# What a file holds ----------------------------------------------------------------------------------------------------


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    def held(file: Path) -> VectorFileRead:
        (found,) = read_vector_file(build("llama"), ReadVectorFile(str(file)), lambda: False)
        assert isinstance(found, VectorFileRead)
        return found

    origin = Origin(None, "a man", (Cell(2, 1),))
    write_vector(str(tmp_path / "one.safetensors"), torch.full((4,), 2.0), origin)
    one = held(tmp_path / "one.safetensors")
    assert (one.holds, one.width, one.layers, one.count, one.norm) == ("vector", 4, (2,), 1, 4.0)
    assert one.origin == origin
    several = held(write_control_vector(tmp_path / "v.gguf", {1: np.ones(4, np.float32), 3: np.ones(4, np.float32)}))
    assert (several.holds, several.layers, several.count, several.norm) == ("vector", (1, 3), 2, 2.0)
    save_file({"W_dec": torch.ones(9, 4)}, tmp_path / "sae.safetensors")
    sae = held(tmp_path / "sae.safetensors")
    assert (sae.holds, sae.width, sae.count) == ("directions", 4, 9)
    through = held(
        adapter(tmp_path / "a.safetensors", "scalar_affine", {"log_scale": torch.ones(()), "bias": torch.ones(4)})
    )
    assert (through.holds, through.width, through.kind) == ("adapter", 4, "scalar_affine")
    save_file({"x": torch.ones(2, 3)}, tmp_path / "matrix.safetensors")
    for name in ("matrix.safetensors", "nothing.safetensors", "nothing.gguf"):
        with pytest.raises(RequestError) as error:
            held(tmp_path / name)
        assert one_sentence(error.value)


def test_a_matrix_is_not_listed_as_a_vector(tmp_path: Path) -> None:
    save_file({"W_dec": torch.ones(9, 4)}, tmp_path / "sae.safetensors")
    save_file({"v": torch.ones(1, 4)}, tmp_path / "row.safetensors")
    problems = {entry.name: entry.problem for entry in kept_vectors(tmp_path)}
    assert problems == {"sae": "does not hold one vector", "row": ""}


def test_a_kept_vector_is_renamed_and_put_back_and_nothing_is_overwritten(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_vector(str(tmp_path / f"{name}.safetensors"), torch.ones(4), Origin(None))
    content = (tmp_path / "one.safetensors").read_bytes()
    with pytest.raises(RequestError, match="There is a vector “two”"):
        rename_vector("one", "two", tmp_path)
    assert rename_vector("one", "three", tmp_path).read_bytes() == content
    assert kept_names(tmp_path) == ("three", "two")
    with pytest.raises(RequestError, match="cannot be renamed"):
        rename_vector("one", "four", tmp_path)
    with pytest.raises(RequestError, match="again"):
        put_back(tmp_path / "two.safetensors", content)
    put_back(tmp_path / "one.safetensors", content)
    assert (tmp_path / "one.safetensors").read_bytes() == content
    with pytest.raises(RequestError, match="cannot be written"):
        put_back(tmp_path / "no" / "such.safetensors", content)
