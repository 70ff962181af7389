"""What the shipped weights promise: a standard folder, and hidden states that can be read aloud."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from selfie_tui.demo import model_path
from selfie_tui.demo.evaluate import Report, evaluate, load, table
from selfie_tui.demo.readings import last_token_states, read_cells, read_nothing
from selfie_tui.demo.sets import TEMPLATES, names

EIFFEL = "The Eiffel Tower is located in the city of"


@pytest.fixture(scope="module")
def loaded() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load(model_path())


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    # Products this small lose more to waiting for a second thread than they gain by it where the cores are shared.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield evaluate(model_path())
    torch.set_num_threads(threads)


def test_the_folder_is_under_12_megabytes() -> None:
    assert sum(path.stat().st_size for path in model_path().rglob("*") if path.is_file()) < 12e6


def test_the_weights_load_as_plain_bfloat16_llama() -> None:
    model = AutoModelForCausalLM.from_pretrained(model_path())
    assert type(model).__name__ == "LlamaForCausalLM"
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.config.num_hidden_layers == 8


def test_asking_for_the_folder_imports_no_torch() -> None:
    code = "import sys; from selfie_tui.demo import model_path; model_path(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", ["Paris", "naïve café — 東京 🙂", "a\n\n b\tc", "مرحبا  two  spaces", "\u200d\x00z"])
def test_any_text_survives_the_tokenizer_but_for_the_leading_space(text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_path())
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == f" {text}"


@pytest.mark.parametrize("word", ["_", "X", "x", "?", "Eiffel", "Paris", "queen", "User"])
def test_placeholders_and_words_are_single_tokens(word: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_path())
    assert len(tokenizer.tokenize(f" {word}")) == 1


def test_the_chat_template_renders_what_the_readings_are_asked_with() -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_path())
    turn = [{"role": "user", "content": "_ _ _ _ _"}]
    text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    asked = TEMPLATES["mentions"].split("Assistant:")[0] + "Assistant:"
    assert tokenizer(text, add_special_tokens=False).input_ids == tokenizer(asked).input_ids


def test_every_set_names_its_hidden_attribute_at_some_layer(report: Report) -> None:
    assert len(report.sets) >= 6
    assert {figures.name: figures.best for figures in report.sets if figures.best < 0.9} == {}


def test_no_set_names_its_attribute_at_embed_or_layer_0(report: Report) -> None:
    assert {figures.name: figures.by_layer for figures in report.sets if max(figures.by_layer[:2]) > 0.05} == {}


def test_no_control_names_what_the_state_names(report: Report) -> None:
    for figures in report.sets:
        assert figures.no_injection <= 0.05, figures
        assert figures.random_direction <= 0.05, figures
        assert figures.another_item <= 0.05, figures


def test_the_model_completes_facts_and_two_hops_that_it_never_saw(report: Report) -> None:
    assert report.cloze["seen wording"] >= 0.95
    assert report.cloze["held-out two hops"] >= 0.9


def test_paris_is_read_late_and_not_early(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    for template in TEMPLATES.values():
        texts = read_cells(*loaded, [EIFFEL], template)[0]
        assert [names(text, "Paris") for text in texts[:2]] == [False, False], texts
        assert all(names(text, "Paris") for text in texts[-3:]), texts
        assert not names(read_nothing(*loaded, template), "Paris")


def test_a_batch_reads_what_single_rows_read(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    prompts = [EIFFEL, "The capital of Japan is", "The young of a cow is called a"]
    together = read_cells(*loaded, prompts, TEMPLATES["mentions"])
    assert together == [read_cells(*loaded, [prompt], TEMPLATES["mentions"])[0] for prompt in prompts]


def test_the_states_are_the_residual_stream_before_the_final_norm(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    model, tokenizer = loaded
    ids = tokenizer(EIFFEL, return_tensors="pt").input_ids
    with torch.inference_mode():
        hidden = model(ids, output_hidden_states=True).hidden_states
    states = last_token_states(model, tokenizer, [EIFFEL])[0]
    assert torch.allclose(torch.stack([state[0, -1] for state in hidden[:-1]]), states[:-1], atol=1e-4)
    assert torch.allclose(model.get_decoder().norm(states[-1]), hidden[-1][0, -1], atol=1e-4)


def figures_of(text: str) -> dict[str, list[int]]:
    """The rows of a Markdown table of whole numbers, by their first two cells: the set and its prompt."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    rows = [cells for cells in lines if cells[1] in TEMPLATES and all(cell.isdigit() for cell in cells[2:])]
    return {" | ".join(cells[:2]): list(map(int, cells[2:])) for cells in rows}


def test_the_card_shows_the_figures_of_these_weights(report: Report) -> None:
    card = figures_of((model_path() / "README.md").read_text(encoding="utf-8"))
    measured = figures_of(table(report))
    assert set(card) == set(measured)
    for name, figures in measured.items():
        # Another CPU rounds otherwise, which may tip a reading or two of a set.
        assert all(abs(shown - seen) <= 5 for shown, seen in zip(card[name], figures, strict=True)), name


def test_the_config_names_the_end_of_text_as_its_start() -> None:
    config = json.loads((model_path() / "config.json").read_text(encoding="utf-8"))
    assert config["bos_token_id"] == config["eos_token_id"] == 0
