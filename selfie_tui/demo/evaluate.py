"""Measure what the demo model's states say: `python -m selfie_tui.demo.evaluate [DIR] [--json] [--show] [--texts]`."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from . import model_path
from .causes import Causes, patching, steering
from .facts import things
from .interpret import control_text, interpret_cells, interpret_vectors, last_token_states, random_directions
from .relations import all_two_hops, facts, relations
from .sets import TEMPLATES, PromptSet, names, prompt_sets, weak_sets
from .world import bare, rows

SHOWN = (
    "The Eiffel Tower is located in the city of",
    "The capital of the country where the Taj Mahal stands is",
    "The film was terrible, so everyone was",
    "User: Where is the Colosseum?\nAssistant:",
    "Chopin worked as a",
)
SUMS = (("king", "man", "woman"), ("Mozart", "Austria", "Poland"), ("Paris", "France", "Italy"))


@dataclass(frozen=True)
class Figures:
    """One set's shares (0 to 1): `by_layer` embed first; the controls are taken at the best layer."""

    name: str
    template: str
    count: int
    by_layer: list[float]
    best_layer: str
    best: float
    no_injection: float
    random_direction: float
    another_item: float


@dataclass(frozen=True)
class Report:
    """Everything that the command prints."""

    sets: list[Figures]
    weak: list[Figures]
    cloze: dict[str, float]
    causes: list[Causes]

    @property
    def score(self) -> float:
        """One number to choose between runs: best layers, less what early layers and controls name, plus cloze."""
        count = len(self.sets)
        best = sum(figures.best for figures in self.sets) / count
        worst = min(figures.best for figures in self.sets)
        early = sum(max(figures.by_layer[:2]) for figures in self.sets) / count
        controls = sum(max(f.no_injection, f.random_direction, f.another_item) for f in self.sets) / count
        return best + 0.5 * worst - early - controls + sum(self.cloze.values()) / len(self.cloze)


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model in float32, which every CPU computes alike."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def share(texts: Sequence[str], attributes: Sequence[str]) -> float:
    """The share of texts that name their attribute."""
    return sum(map(names, texts, attributes)) / len(texts)


@dataclass(frozen=True)
class SetTexts:
    """What the states of a set's prompts were put into.

    `by_layer` holds a text for each prompt at each source layer, `embed` first; `random` those of random directions of
    the norms at the best layer; `control` is the answer with nothing injected.
    """

    by_layer: list[list[str]]
    random: list[str]
    control: str

    def shares(self, cells: PromptSet) -> list[float]:
        """The share of texts that name their prompt's attribute, by layer."""
        return [share(texts, cells.attributes) for texts in self.by_layer]

    def best(self, cells: PromptSet) -> int:
        """The index of the layer with the largest share."""
        return best_of(self.shares(cells))


def best_of(shares: Sequence[float]) -> int:
    """The index of the largest share, of equal ones the first."""
    return max(range(len(shares)), key=lambda index: shares[index])


def interpret_set(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, cells: PromptSet) -> SetTexts:
    """Put the last token of every prompt into words, at every layer."""
    template = TEMPLATES[cells.template]
    by_cell = interpret_cells(model, tokenizer, cells.prompts, template)
    by_layer = [list(texts) for texts in zip(*by_cell, strict=True)]
    best = best_of([share(texts, cells.attributes) for texts in by_layer])
    states = last_token_states(model, tokenizer, cells.prompts)[:, best]
    random = interpret_vectors(model, tokenizer, random_directions(states), template)
    return SetTexts(by_layer, random, control_text(model, tokenizer, template))


def measure(cells: PromptSet, texts: SetTexts) -> Figures:
    """The figures of a set that follow from its texts."""
    shares, best = texts.shares(cells), texts.best(cells)
    return Figures(
        cells.name,
        cells.template,
        len(cells),
        shares,
        layer_name(best),
        shares[best],
        share([texts.control] * len(cells), cells.attributes),
        share(texts.random, cells.attributes),
        share(texts.by_layer[best], cells.others()),
    )


def layer_name(index: int) -> str:
    """The name of the layer at an index of `SetTexts.by_layer`."""
    return "embed" if index == 0 else str(index - 1)


def completes(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, cuts: Sequence[str], answers: Sequence[str]
) -> list[bool]:
    """Whether greedy decoding gives each answer after its cut sentence."""
    found = [False] * len(cuts)
    texts = [f"{cut} {answer}" for cut, answer in zip(cuts, answers, strict=True)]
    # Sentences of like length are decoded together, so that little is padding.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), 256):
        chosen = order[start : start + 256]
        lengths = [len(tokenizer(f" {answers[index]}", add_special_tokens=False).input_ids) for index in chosen]
        batch = tokenizer([texts[index] for index in chosen], return_tensors="pt", padding=True, padding_side="left")
        longest = max(lengths)
        with torch.inference_mode():
            logits = model(**batch, logits_to_keep=longest + 1).logits
        guesses = logits[:, :-1].argmax(-1) == batch.input_ids[:, -longest:]
        for index, guess, length in zip(chosen, guesses, lengths, strict=True):
            found[index] = bool(guess[-length:].all())
    return found


def cloze(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """The share of sentences completed rightly: wordings seen in training, wordings held out, two hops held out."""
    seen: list[tuple[str, str]] = []
    kept: list[tuple[str, str]] = []
    for relation in relations().values():
        trained = {fact.cut for fact in facts(relation)}
        for fact in facts(relation, training=False):
            (seen if fact.cut in trained else kept).append((fact.cut, fact.answer))
    hops = [(hop.cut, hop.answer) for hop in all_two_hops(training=False)]
    shares = {}
    for name, cells in (("seen wording", seen[::4]), ("held-out wording", kept), ("held-out two hops", hops)):
        right = completes(model, tokenizer, *zip(*cells, strict=True))
        shares[name] = sum(right) / len(right)
    return shares


def add_up(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sums: Sequence[tuple[str, ...]]) -> Tensor:
    """The states `(sums, 1 + layers, hidden)` of first - second + third, each word a prompt of its own."""
    first, second, third = (last_token_states(model, tokenizer, words) for words in zip(*sums, strict=True))
    return first - second + third


def arithmetic(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[Causes]:
    """How many sums of embeddings read as they should, with the `summarize` prompt.

    The controls are the first and the third word alone, and the sum of another item.
    """
    genders = [(man, "man", "woman", woman) for man, woman, _ in rows(things.GENDERS)[1:]]
    capitals = [pair for pair in relations()["capital"].pairs if " " not in bare(pair[0]) + pair[1]]
    turned = capitals[1:] + capitals[:1]
    cities = [
        (city, bare(land), bare(other), answer) for (land, city), (other, answer) in zip(capitals, turned, strict=True)
    ]
    found = []
    for name, cells in (("king - man + woman", genders), ("Paris - France + Italy", cities)):
        words, answers = [cell[:3] for cell in cells], [cell[3] for cell in cells]
        sums = add_up(model, tokenizer, words)[:, 0]
        first, third = (last_token_states(model, tokenizer, [each[at] for each in words])[:, 0] for at in (0, 2))
        shares = []
        for vectors in (sums, first, third, sums.roll(len(sums) // 2, 0)):
            texts = interpret_vectors(model, tokenizer, vectors, TEMPLATES["summarize"])
            shares.append(share([text.split(",")[0] for text in texts], answers))
        controls = dict(zip(("first word alone", "third word alone", "another item's"), shares[1:], strict=True))
        found.append(Causes(f"embeddings: {name}", len(cells), shares[0], controls))
    return found


def evaluate(folder: Path) -> Report:
    """The whole report on one model."""
    model, tokenizer = load(folder)
    texts = {key_of(cells): interpret_set(model, tokenizer, cells) for cells in [*prompt_sets(), *weak_sets()]}
    return report_of(model, tokenizer, texts)


def report_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: dict[str, SetTexts]) -> Report:
    """The report that follows from the texts of every set, with what is completed and added up beside them."""
    measured, weak = ([measure(cells, texts[key_of(cells)]) for cells in sets] for sets in (prompt_sets(), weak_sets()))
    changed = [*arithmetic(model, tokenizer), *patching(model, tokenizer), steering(model, tokenizer)]
    return Report(measured, weak, cloze(model, tokenizer), changed)


def key_of(cells: PromptSet) -> str:
    """A set by its name and its interpretation prompt."""
    return f"{cells.name} | {cells.template}"


def fingerprint(folder: Path) -> str:
    """The SHA-256 of a model's weights and tokenizer: texts are of these and no others."""
    digest = hashlib.sha256()
    for name in ("model.safetensors", "tokenizer.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def texts_json(folder: Path) -> str:
    """The texts of every set as JSON, a set a line, with the fingerprint of the model that they are of."""
    model, tokenizer = load(folder)
    sets = {key_of(cells): asdict(interpret_set(model, tokenizer, cells)) for cells in [*prompt_sets(), *weak_sets()]}
    lines = [f"{json.dumps(key)}: {json.dumps(texts)}" for key, texts in sets.items()]
    return f'{{"fingerprint": "{fingerprint(folder)}", "sets": {{\n' + ",\n".join(lines) + "\n}}"


def percent(value: float) -> str:
    return f"{100 * value:.0f}"


def changed_row(found: Causes) -> str:
    """What a change of states does, as a line of a Markdown table."""
    controls = ", ".join(f"{name} {percent(value)}" for name, value in found.controls.items())
    return f"| {found.name} | {found.count} | {percent(found.named)} | {controls} |"


def row(figures: Figures) -> str:
    """One set as a line of a Markdown table."""
    shares = [*figures.by_layer, figures.no_injection, figures.random_direction, figures.another_item]
    cells = [figures.name, figures.template, str(figures.count), *map(percent, shares)]
    return "| " + " | ".join(cells) + " |"


def table(report: Report) -> str:
    """The report as Markdown."""
    layers = ["embed", *map(str, range(len(report.sets[0].by_layer) - 1))]
    header = ["set", "prompt", "n", *layers, "no injection", "random", "another item"]
    heading = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines = [*heading, *map(row, report.sets), "", "Read less well:", "", *heading, *map(row, report.weak)]
    lines += ["", "Completed rightly (%): " + ", ".join(f"{k} {percent(v)}" for k, v in report.cloze.items()) + "."]
    heading = ["| what is changed | n | share | controls |", "| --- | --- | --- | --- |"]
    lines += ["", *heading, *map(changed_row, report.causes), ""]
    return "\n".join([*lines, f"Score: {report.score:.3f}"])


def show(folder: Path) -> str:
    """Texts by layer of a few sentences and sums, with both prompts."""
    model, tokenizer = load(folder)
    lines = []
    for name, template in TEMPLATES.items():
        interpret = partial(interpret_cells, model, tokenizer, template=template)
        lines.append(f"\n[{name}] no injection: {control_text(model, tokenizer, template)}")
        for prompt, texts in zip(SHOWN, interpret(SHOWN), strict=True):
            lines.append(f"{prompt!r}")
            lines += [f"  {layer_name(index):>5}  {text}" for index, text in enumerate(texts)]
        for words, vectors in zip(SUMS, add_up(model, tokenizer, SUMS), strict=True):
            lines.append("{} - {} + {}".format(*words))
            texts = interpret_vectors(model, tokenizer, vectors, template)
            lines += [f"  {layer_name(index):>5}  {text}" for index, text in enumerate(texts)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the demo model's states say.")
    parser.add_argument("folder", type=Path, nargs="?", default=model_path())
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--show", action="store_true", help="print readings by layer instead of figures")
    parser.add_argument("--texts", action="store_true", help="print the readings that the figures follow from, as JSON")
    parsed = parser.parse_args()
    if parsed.show:
        print(show(parsed.folder))
        return
    if parsed.texts:
        print(texts_json(parsed.folder))
        return
    report = evaluate(parsed.folder)
    print(json.dumps(asdict(report) | {"score": report.score}, indent=1) if parsed.json else table(report))


if __name__ == "__main__":
    main()
