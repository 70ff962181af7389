"""What the shipped weights promise: a standard folder, and hidden states that can be read aloud.

`texts.json` holds what every cell of the card's sets was put into, as `python -m selfie_tui.demo.evaluate --texts`
prints it. The figures follow from all of it; a part of every set is decoded here again and compared with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import selfie_tui
from selfie_tui.demo import model_path
from selfie_tui.demo.causes import capital_pairs, patching_map
from selfie_tui.demo.evaluate import (
    Report,
    SetTexts,
    changed_row,
    fingerprint,
    key_of,
    load,
    random_directions,
    report_of,
    table,
)
from selfie_tui.demo.interpret import (
    control_text,
    generate_control,
    generate_injected,
    interpret_cells,
    interpret_vectors,
    last_token_states,
)
from selfie_tui.demo.sets import TEMPLATES, PromptSet, names, prompt_sets, weak_sets
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.library.results import collect_batch
from selfie_tui.records import EMBED, Cell, GeneratedToken, Preset, Request

EIFFEL = "The Eiffel Tower is located in the city of"
SETS = [*prompt_sets(), *weak_sets()]
LAYERS = (EMBED, *range(8))
STORED = json.loads(Path(__file__).with_name("texts.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def loaded() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load(model_path())


@pytest.fixture(scope="module")
def texts() -> dict[str, SetTexts]:
    return {key: SetTexts(**texts) for key, texts in STORED["sets"].items()}


@pytest.fixture(scope="module")
def report(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase], texts: dict[str, SetTexts]) -> Report:
    return report_of(*loaded, texts)


def test_the_stored_texts_are_of_these_weights_and_of_every_cell(texts: dict[str, SetTexts]) -> None:
    assert STORED["fingerprint"] == fingerprint(model_path())
    assert [*texts] == [key_of(cells) for cells in SETS]
    for cells in SETS:
        stored = texts[key_of(cells)]
        assert [len(layer) for layer in stored.by_layer] == [len(cells)] * len(LAYERS)
        assert len(stored.random) == len(cells)


@pytest.mark.parametrize("number", range(len(SETS)), ids=lambda number: key_of(SETS[number]))
def test_a_part_of_each_set_decodes_to_the_stored_texts(
    number: int, loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase], texts: dict[str, SetTexts]
) -> None:
    cells, stored = SETS[number], texts[key_of(SETS[number])]
    template = TEMPLATES[cells.template]
    assert control_text(*loaded, template) == stored.control
    chosen = range(number % 8, len(cells), 8)
    states = last_token_states(*loaded, cells.prompts)
    vectors = torch.cat([states, random_directions(states[:, stored.best(cells)])[:, None]], dim=1)[chosen]
    decoded = interpret_vectors(*loaded, vectors.flatten(0, 1), template)
    expected = [layer[index] for index in chosen for layer in (*stored.by_layer, stored.random)]
    # Another CPU rounds otherwise, which may tip a text of a set.
    assert sum(map(str.__ne__, decoded, expected)) <= 1


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
        texts = interpret_cells(*loaded, [EIFFEL], template)[0]
        assert [names(text, "Paris") for text in texts[:2]] == [False, False], texts
        assert all(names(text, "Paris") for text in texts[-3:]), texts
        assert not names(control_text(*loaded, template), "Paris")


def test_a_batch_reads_what_single_rows_read(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    prompts = [EIFFEL, "The capital of Japan is", "The young of a cow is called a"]
    together = interpret_cells(*loaded, prompts, TEMPLATES["mentions"])
    assert together == [interpret_cells(*loaded, [prompt], TEMPLATES["mentions"])[0] for prompt in prompts]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_packages_engine_generates_the_tokens_that_the_cards_figures_are_taken_from(
    template: str, demo: Model, loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]
) -> None:
    """Both in float32: two prompts of every set, at every layer, and the prompt with nothing injected.

    The engine decodes on to the end of the text where the figures' texts are cut, so that its tokens begin with theirs.
    """
    prompts = [prompt for cells in SETS if cells.template == template for prompt in ends(cells)]
    results = collect_batch(demo, [request_of(demo, prompt, TEMPLATES[template]) for prompt in prompts])
    states = last_token_states(*loaded, prompts)
    generated = generate_injected(*loaded, states.flatten(0, 1), TEMPLATES[template])
    engine = [record for result in results for record in result.interpretations]
    assert len(engine) == len(prompts) * len(LAYERS)
    for record, ids in zip(engine, generated, strict=True):
        assert ids_of(record.tokens, len(ids), demo.tokenizer) == ids, record
    control = generate_control(*loaded, TEMPLATES[template])
    assert ids_of(results[0].control.tokens, len(control), demo.tokenizer) == control


def ends(cells: PromptSet) -> tuple[str, str]:
    """The first and the last prompt of a set."""
    return cells.prompts[0], cells.prompts[-1]


def request_of(model: Model, prompt: str, template: str) -> Request:
    """All layers at the prompt's last token, as the figures are taken."""
    last = len(source_tokens(model, prompt, "")) - 1
    cells = tuple(Cell(layer, last) for layer in LAYERS)
    return Request(prompt, cells, Preset("card", template), max_new_tokens=14, relevancy=False)


def ids_of(tokens: tuple[GeneratedToken, ...], count: int, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The first ids; the end of the text, which the engine leaves out, where there are fewer."""
    return ([token.id for token in tokens] + [tokenizer.eos_token_id])[:count]


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


def test_the_card_shows_what_changed_states_do_and_their_controls(report: Report) -> None:
    card = (model_path() / "README.md").read_text(encoding="utf-8")
    assert len(report.causes) == 5
    for found in report.causes:
        assert changed_row(found) in card
        assert found.named >= 0.9
        assert all(share <= 0.2 for share in found.controls.values()), found


def test_the_packages_patching_gives_the_maps_that_the_cards_figures_are_taken_from(
    demo: Model, loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]
) -> None:
    model, tokenizer = loaded
    for source, target, (right, wrong) in [*capital_pairs(tokenizer)][::16]:
        own = patching_map(model, source, target, (right, wrong))
        sites = selfie_tui.Sites("resid", None, "each")
        found = selfie_tui.act_patch(demo, sites, source[None], target[None], right, wrong)["resid"]
        assert torch.allclose(found, own, atol=1e-3)
