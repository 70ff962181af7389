"""Directions of a sparse autoencoder from a notebook, whichever way they lie: browsed, put into words, steered with."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import selfie_tui
from selfie_tui.errors import RequestError
from tests.engine.zoo import build

PROMPT = "the man with hat is in Paris"
ROWS = torch.randn(40, 64, generator=torch.Generator().manual_seed(4))
LAYOUTS: dict[str, dict[str, torch.Tensor]] = {
    "rows": {"W_dec": ROWS, "b_dec": torch.zeros(64)},
    "columns": {"decoder.weight": ROWS.T.contiguous(), "encoder.bias": torch.zeros(40)},
    "rows of a linear layer": {"decoder.weight": ROWS, "decoder.bias": torch.zeros(64)},
    "columns behind a prefix": {"sae.W_dec": ROWS.T.contiguous(), "sae.b_dec": torch.zeros(64)},
    "another name": {"decoder_linear.weight": ROWS.T.contiguous(), "encoder_linear.bias": torch.zeros(40)},
}
"""Fewer directions than the stream is wide: only what is beside them says which way they lie."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_directions_are_browsed_interpreted_and_steered_with(layout: str, tmp_path: Path) -> None:
    model, file = build("llama"), tmp_path / "sae.safetensors"
    save_file(LAYOUTS[layout], file)
    found = selfie_tui.browse_directions(model, file, like=3 * ROWS[7], count=2)
    assert found[0].index == 7
    assert found[0].cosine == pytest.approx(1.0, abs=1e-5)
    assert found[0].norm == pytest.approx(float(ROWS[7].norm()), rel=1e-5)
    assert [each.index for each in selfie_tui.browse_directions(model, file, first=38)] == [38, 39]
    word = selfie_tui.browse_directions(model, file, word="Paris", count=40, k=0)
    assert [each.probability for each in word] == sorted((each.probability for each in word), reverse=True)
    direction = selfie_tui.vector(f'"{file}"[7]')
    assert direction.rows.equal(ROWS[7:8])
    settings: dict[str, Any] = {"preset": "repeat", "max_new_tokens": 2, "relevancy": False, "baselines": False}
    texts = [selfie_tui.interpret_vectors(model, each, **settings) for each in (direction, ROWS[7])]
    assert texts[0].interpretations[0].tokens == texts[1].interpretations[0].tokens
    steered = [
        selfie_tui.steer(model, each, PROMPT, [0, 2], layers=1, max_new_tokens=2).record.steered
        for each in (direction, ROWS[7])
    ]
    assert steered[0] == steered[1]
    assert steered[0][1].tokens != steered[0][0].tokens


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"W_dec": torch.randn(300, 32)}, "32 wide, and the states of random-llama are 64 wide"),
        ({"W_dec": torch.randn(4, 8, 64)}, "is not a matrix"),
        ({"0.W_dec": torch.randn(300, 64), "1.W_dec": torch.randn(300, 64)}, "has 2 decoders"),
        ({"vector": torch.randn(64)}, "is a vector, not a file of many directions"),
    ],
)
def test_what_does_not_fit_is_refused(tensors: dict[str, torch.Tensor], says: str, tmp_path: Path) -> None:
    file = tmp_path / "sae.safetensors"
    save_file(tensors, file)
    with pytest.raises(RequestError) as error:
        selfie_tui.browse_directions(build("llama"), file)
    assert says in str(error.value)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sae.safetensors"
    save_file({"W_dec": ROWS}, file)
    whole = file.read_bytes()
    for data in (whole[:100], whole[:-4], struct.pack("<Q", 2**40) + b"{}", b""):
        file.write_bytes(data)
        with pytest.raises(RequestError, match="cannot be read as safetensors"):
            selfie_tui.browse_directions(build("llama"), file)
