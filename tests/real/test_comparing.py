"""Two models on the published one: number formats side by side, and the bundled model that reads the other's states."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

import selfie_tui
from selfie_tui.demo.corpus import documents
from selfie_tui.demo.facts import places
from selfie_tui.demo.world import bare, rows
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of

pytestmark = pytest.mark.real

EIFFEL = "The Eiffel Tower is located in the city of"
COUNTRIES = [name for country, *_ in rows(places.COUNTRIES) if " " not in (name := bare(country))][:24]


def test_two_number_formats_say_the_same_next_and_differ_by_noise(smollm2: Model, smollm2_file: Path) -> None:
    """What rounding changes is the noise that differences between models are measured against."""
    half = selfie_tui.load(smollm2_file, device="cpu", dtype="bf16")
    found = selfie_tui.compare_models(smollm2, half, EIFFEL)
    assert not any(cell.differs for cell in found.next)
    assert max(cell.kl or 0 for cell in found.next) < 0.02
    assert sum(cell.differs for cell in found.cells) < 0.1 * len(found.cells)
    assert 0 < max(cell.bits or 0 for cell in found.cells) < 0.1


def test_the_bundled_model_names_countries_in_the_states_of_another_model(smollm2: Model, demo: Model) -> None:
    """Another family's tokenizer, width and training: the map is fitted on 300 sentences that both read.

    Seen: 11 of 23, and of shuffled pairs none.
    """
    prompt = f"A list of countries: {', '.join(COUNTRIES)}"
    positions = [at for at, text in enumerate(split(smollm2, prompt)) if text.strip() in COUNTRIES]
    found = selfie_tui.compare_models(
        smollm2, demo, prompt, layers=[6], other_layers=[1], tokens=positions, texts=list(islice(documents(7), 300)),
        preset="summarize", max_new_tokens=8,
    )  # fmt: skip
    names = {at: split(smollm2, prompt)[at].strip() for at in positions}
    named = sum(names[each.pair.cell.position] in each.reading.text for each in found.mapped_readings)
    control = sum(names[each.pair.cell.position] in each.shuffled.text for each in found.mapped_readings)
    (fitted,) = found.maps
    assert not found.records.began.same_vocabulary
    print(f"\n{named} of {len(positions)} named, of shuffled pairs {control}; explained {fitted.explained:.2f}")
    assert fitted.explained > 0.4
    assert fitted.shuffled_explained < 0.05
    assert named >= 0.3 * len(positions)
    assert control <= 1


def split(model: Model, prompt: str) -> list[str]:
    """The tokens' texts."""
    return [token.text for token in source_of(model, prompt).tokens]
