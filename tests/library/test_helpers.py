"""Similarity, aggregation, grids and devices give what their names say and refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfie_tui.errors import RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.utils import (
    aggregate_activations,
    compute_activation_similarity,
    create_token_grid,
    get_optimal_device,
    print_device_info,
)

PROMPT = "The Eiffel Tower is in Paris"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("cosine", 0.6), ("l2", 20**0.5), ("dot", 15.0)],  # of (3, 4) and (5, 0)
)
def test_similarity_is_what_it_is_called(metric: str, expected: float) -> None:
    a, b = torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0, 0.0]])
    assert compute_activation_similarity(a, b, metric=metric) == pytest.approx(expected)


def test_equal_activations_are_at_distance_zero_and_unequal_ones_above() -> None:
    a = torch.randn(1, 4, 8)
    assert compute_activation_similarity(a, a, metric="l2") == 0.0
    assert compute_activation_similarity(a, a + 1, metric="l2") == pytest.approx(32**0.5)


def test_similarity_does_not_overflow_in_half_precision() -> None:
    a = torch.full((1, 256), 200.0, dtype=torch.float16)
    assert compute_activation_similarity(a, a, metric="dot") == pytest.approx(256 * 200.0**2)


def test_unlike_shapes_and_unknown_metrics_are_refused() -> None:
    with pytest.raises(RequestError, match="shapes"):
        compute_activation_similarity(torch.zeros(1, 2), torch.zeros(2, 2))
    with pytest.raises(RequestError, match="cosine, l2, dot"):
        compute_activation_similarity(torch.zeros(2), torch.zeros(2), metric="euclid")


@pytest.mark.parametrize(
    ("method", "expected"), [("mean", [2.0, 3.0]), ("sum", [4.0, 6.0]), ("max", [3.0, 5.0]), ("last", [3.0, 1.0])]
)
def test_layers_are_aggregated_whatever_their_order(method: str, expected: list[float]) -> None:
    layers = {6: torch.tensor([[3.0, 1.0]]), 2: torch.tensor([[1.0, 5.0]])}
    assert aggregate_activations(layers, method).tolist() == [expected]
    assert aggregate_activations(torch.stack([layers[2], layers[6]]), method).tolist() == [expected]


def test_aggregates_that_cannot_be_are_refused() -> None:
    with pytest.raises(RequestError, match="mean, sum, max, last"):
        aggregate_activations({0: torch.zeros(1)}, "median")
    with pytest.raises(RequestError, match="activations to aggregate are empty"):
        aggregate_activations({})
    with pytest.raises(RequestError, match="differ in shape"):
        aggregate_activations({0: torch.zeros(1, 2), 1: torch.zeros(1, 3)})


def test_aggregated_layers_can_be_interpreted(selfie: ModelAgnosticSelfie) -> None:
    mean = aggregate_activations(selfie.get_activations(PROMPT, ["embed", 2, 4, 6], [2]))
    assert mean.shape == (1, 1, 256)
    (text,) = selfie.interpret_vectors([mean], "concept")
    assert "Eiffel Tower" in text


@pytest.mark.parametrize("given", ["facade", "model"])
def test_a_grid_has_every_cell_of_the_model_layer_by_layer(selfie: ModelAgnosticSelfie, given: str) -> None:
    grid = create_token_grid(PROMPT, selfie if given == "facade" else selfie.model)
    assert grid == [(layer, token) for layer in range(8) for token in range(7)]


def test_a_grid_can_be_a_part_of_the_model(selfie: ModelAgnosticSelfie) -> None:
    tokenizer = selfie.model.tokenizer
    expected = [(4, 2), (4, 3), (5, 2), (5, 3)]
    assert create_token_grid(PROMPT, tokenizer, layer_range=(4, 6), token_range=(2, 4)) == expected
    assert create_token_grid(PROMPT, tokenizer, token_range=(0, 1), layers=3) == [(0, 0), (1, 0), (2, 0)]


def test_a_grid_is_what_interpret_takes(selfie: ModelAgnosticSelfie) -> None:
    grid = create_token_grid(PROMPT, selfie, layer_range=(5, 7), token_range=(2, 3))
    assert selfie.interpret(PROMPT, "concept", grid, max_new_tokens=3)["layer"] == [5, 6]


def test_a_bare_tokenizer_does_not_know_the_layers(selfie: ModelAgnosticSelfie) -> None:
    with pytest.raises(RequestError, match="how many layers"):
        create_token_grid(PROMPT, selfie.model.tokenizer)


@pytest.mark.parametrize(
    "ranges", [{"layer_range": (0, 9)}, {"layer_range": (3, 3)}, {"token_range": (-1, 2)}, {"token_range": (5, 8)}]
)
def test_ranges_that_do_not_fit_are_refused(selfie: ModelAgnosticSelfie, ranges: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="Invalid range"):
        create_token_grid(PROMPT, selfie, **ranges)


def test_apples_device_comes_before_nvidias_and_the_cpu_last(monkeypatch: pytest.MonkeyPatch) -> None:
    for mps, cuda, expected in ((True, True, "mps"), (False, True, "cuda"), (False, False, "cpu")):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        assert get_optimal_device() == expected


def test_the_device_report_names_every_kind_and_the_choice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    print_device_info()
    printed = capsys.readouterr().out
    assert "mps   Apple Silicon: not available" in printed
    assert "cuda  NVIDIA GPU: not available" in printed
    assert printed.endswith("models are loaded to: cpu\n")
