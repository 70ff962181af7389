"""Measure what the demo model's states say: `python -m selfie_tui.demo.evaluate [MODEL_DIR] [--json] [--show]`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from . import model_path
from .facts import things
from .readings import last_token_states, read_cells, read_nothing, read_vectors
from .relations import all_two_hops, facts, relations
from .sets import TEMPLATES, ReadingSet, names, reading_sets, weak_sets
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
    arithmetic: dict[str, float]

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
    return sum(map(names, texts, attributes)) / len(texts)


def random_directions(states: Tensor, seed: int = 0) -> Tensor:
    """Gaussian directions with the norms of the states."""
    noise = torch.randn(states.shape, generator=torch.Generator().manual_seed(seed))
    directions: Tensor = noise / noise.square().sum(-1, keepdim=True).sqrt()
    return directions * states.square().sum(-1, keepdim=True).sqrt()


def measure(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, cells: ReadingSet) -> Figures:
    """One set's figures."""
    template = TEMPLATES[cells.template]
    by_cell = read_cells(model, tokenizer, cells.prompts, template)
    by_layer = [list(texts) for texts in zip(*by_cell, strict=True)]
    shares = [share(texts, cells.attributes) for texts in by_layer]
    best = max(range(len(shares)), key=lambda layer: shares[layer])
    states = last_token_states(model, tokenizer, cells.prompts)[:, best]
    random = read_vectors(model, tokenizer, random_directions(states), template)
    silent = [read_nothing(model, tokenizer, template)] * len(cells)
    return Figures(
        cells.name,
        cells.template,
        len(cells),
        shares,
        layer_name(best),
        shares[best],
        share(silent, cells.attributes),
        share(random, cells.attributes),
        share(by_layer[best], cells.others()),
    )


def layer_name(place: int) -> str:
    return "embed" if place == 0 else str(place - 1)


def completes(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, cuts: Sequence[str], answers: Sequence[str]
) -> list[bool]:
    """Whether greedy decoding gives each answer after its cut sentence."""
    found: list[bool] = []
    for start in range(0, len(cuts), 256):
        texts = [f"{cut} {answer}" for cut, answer in zip(cuts[start:][:256], answers[start:][:256], strict=True)]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
        with torch.inference_mode():
            guesses = model(**batch).logits[:, :-1].argmax(-1) == batch.input_ids[:, 1:]
        lengths = [len(tokenizer(f" {answer}", add_special_tokens=False).input_ids) for answer in answers[start:][:256]]
        found += [bool(guess[-length:].all()) for guess, length in zip(guesses, lengths, strict=True)]
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
    """The states (sums, 1 + layers, hidden) of first - second + third, each word read alone."""
    first, second, third = (last_token_states(model, tokenizer, words) for words in zip(*sums, strict=True))
    return first - second + third


def arithmetic(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """The share of sums of embeddings that read as they should, with the `summarize` prompt."""
    genders = [(man, "man", "woman", woman) for man, woman, _ in rows(things.GENDERS)[1:]]
    capitals = [pair for pair in relations()["capital"].pairs if " " not in bare(pair[0]) + pair[1]]
    turned = capitals[1:] + capitals[:1]
    cities = [
        (city, bare(land), bare(other), answer) for (land, city), (other, answer) in zip(capitals, turned, strict=True)
    ]
    shares = {}
    for name, cells in (("king - man + woman", genders), ("Paris - France + Italy", cities)):
        vectors = add_up(model, tokenizer, [cell[:3] for cell in cells])[:, 0]
        texts = read_vectors(model, tokenizer, vectors, TEMPLATES["summarize"])
        shares[name] = share([text.split(",")[0] for text in texts], [cell[3] for cell in cells])
    return shares


def evaluate(folder: Path) -> Report:
    """The whole report on one model."""
    model, tokenizer = load(folder)
    measured = [measure(model, tokenizer, cells) for cells in reading_sets()]
    weak = [measure(model, tokenizer, cells) for cells in weak_sets()]
    return Report(measured, weak, cloze(model, tokenizer), arithmetic(model, tokenizer))


def percent(value: float) -> str:
    return f"{100 * value:.0f}"


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
    lines += ["Sums of embeddings (%): " + ", ".join(f"{k} {percent(v)}" for k, v in report.arithmetic.items()) + "."]
    return "\n".join([*lines, f"Score: {report.score:.3f}"])


def show(folder: Path) -> str:
    """Readings by layer of a few sentences and sums, with both prompts."""
    model, tokenizer = load(folder)
    lines = []
    for name, template in TEMPLATES.items():
        read = partial(read_cells, model, tokenizer, template=template)
        lines.append(f"\n[{name}] no injection: {read_nothing(model, tokenizer, template)}")
        for prompt, texts in zip(SHOWN, read(SHOWN), strict=True):
            lines.append(f"{prompt!r}")
            lines += [f"  {layer_name(place):>5}  {text}" for place, text in enumerate(texts)]
        for words, vectors in zip(SUMS, add_up(model, tokenizer, SUMS), strict=True):
            lines.append("{} - {} + {}".format(*words))
            texts = read_vectors(model, tokenizer, vectors, template)
            lines += [f"  {layer_name(place):>5}  {text}" for place, text in enumerate(texts)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the demo model's states say.")
    parser.add_argument("folder", type=Path, nargs="?", default=model_path())
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--show", action="store_true", help="print readings by layer instead of figures")
    parsed = parser.parse_args()
    if parsed.show:
        print(show(parsed.folder))
        return
    report = evaluate(parsed.folder)
    print(json.dumps(asdict(report) | {"score": report.score}, indent=1) if parsed.json else table(report))


if __name__ == "__main__":
    main()
