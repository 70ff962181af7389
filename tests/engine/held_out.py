"""Words that no calibration has seen, and what a full sweep of settings reads back of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

from selfie_tui.engine.known_words import KnownWords, Passage, known_words
from selfie_tui.engine.methods.calibrate import STOP, Trial
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.records import Calibrate, CalibrationRow, Cell, InjectionSetting, Preset, Request


def words_in(text: str) -> tuple[str, ...]:
    """Words that stand apart by spaces."""
    return tuple(text.split())


PASSAGES = (
    Passage(
        "A doctor works in a hospital, and a teacher works in a school. The farmer grows bread and fruit in the field, "
        "and the baker sells them in the city. In winter the river turns to ice, and in summer the sun is hot.",
        words_in("doctor hospital teacher school farmer bread fruit field city winter river ice summer sun"),
    ),
    Passage(
        "The book was written by a famous author from England. Music, painting and poetry are forms of art. A car has "
        "four wheels and an engine; a ship sails across the ocean to the island. The moon moves around the earth.",
        words_in("book author England music painting poetry art car engine ship ocean island moon earth four"),
    ),
    Passage(
        "The dog barked at the cat, and the horse ate grass. My mother cooked dinner in the kitchen while my friend "
        "read the newspaper. The language of Spain is Spanish, and the currency of Japan is the yen. Gold is a metal.",
        words_in("dog cat horse grass mother dinner kitchen friend newspaper language Spain Spanish Japan gold metal"),
    ),
    Passage(
        "Soldiers fought in the war, and the president signed a law for peace. Science explains light, energy and "
        "heat. The child drew a yellow flower with a green leaf. The train left the station early in the morning, and "
        "the church bell rang at night.",
        words_in(
            "war president law peace science light energy heat child yellow flower green leaf train station church "
            "night"
        ),
    ),
)
"""Four passages with 61 words, none of which is among those that a calibration tries."""


def held_out_words(model: Model, depths: int = 1) -> KnownWords:
    """The words of the passages, own ones at `depths` of the lower layers in turn, next ones at one of the upper."""
    found = [known_words(model, passage) for passage in PASSAGES]
    words = [word for each in found for word in each.words]
    vectors = torch.cat([each.vectors for each in found])
    order = {"own": sorted({w.layer for w in words if w.kind == "own"}), "next": []}
    order["next"] = sorted({w.layer for w in words if w.kind == "next"})
    names = {kind: list(dict.fromkeys((w.word, w.position) for w in words if w.kind == kind)) for kind in order}
    kept = [
        index
        for index, word in enumerate(words)
        if (order[word.kind].index(word.layer) + names[word.kind].index((word.word, word.position)))
        % len(order[word.kind])
        < (depths if word.kind == "own" else 1)
    ]
    kept.sort(key=lambda index: (words[index].kind != "own", words[index].layer))
    return KnownWords(tuple(words[index] for index in kept), vectors[kept])


def sweep(
    model: Model, preset: Preset, settings: Sequence[InjectionSetting], known: KnownWords
) -> dict[InjectionSetting, CalibrationRow]:
    """What each setting reads back of all the words."""
    task = Calibrate(preset)
    cells = tuple(Cell(word.layer, index) for index, word in enumerate(known.words))
    request = Request("", cells, preset, max_new_tokens=task.max_new_tokens, stop=STOP, relevancy=False)
    trial = Trial(model, task, msgspec.structs.replace(request), prepare_target(model, request), known, lambda: False)
    for setting in settings:
        for _ in trial.trial(setting, range(len(known.words))):
            continue
    return trial.rows
