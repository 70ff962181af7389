"""Words that no calibration has seen, and what a full sweep of settings reads back of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

from selfie_tui.engine.known_words import KnownWord, KnownWords, Passage, known_words, spread
from selfie_tui.engine.methods.calibrate import STOP, Trial
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.records import EMBED, Calibrate, CalibrationRow, Cell, InjectionSetting, Preset, Request


def words_in(text: str) -> tuple[str, ...]:
    """Words that stand apart by spaces."""
    return tuple(text.split())


PASSAGES = (
    Passage(
        "The tailor makes clothes of cotton, and the carpenter makes a chair of wood. The butcher sells meat, and the "
        "bakery sells chocolate. An orange and a banana are on the table.",
        words_in("tailor clothes cotton carpenter chair wood butcher meat bakery chocolate orange banana table"),
    ),
    Passage(
        "A bicycle stood near the bridge. The plane left the airport for Sydney in Australia, and the boat sailed to "
        "Norway. The hotel is by the lake, under a volcano in Iceland.",
        words_in("bicycle bridge plane airport Sydney Australia boat Norway hotel lake volcano Iceland"),
    ),
    Passage(
        "The uncle and the aunt visited their nephew. The husband loved his wife, and their baby slept in the bed. The "
        "grandfather told stories of a witch and a wolf.",
        words_in("uncle aunt nephew husband wife baby bed grandfather stories witch wolf"),
    ),
    Passage(
        "The lion and the eagle are strong, and the dolphin is fast. The sheep gives us wool. A butterfly and a frog "
        "live by the pond, and a monkey lives in a tree. The turtle is slow.",
        words_in("lion eagle dolphin sheep wool butterfly frog pond monkey turtle slow"),
    ),
    Passage(
        "The novelist writes novels, and the poet writes poems. The philosopher thinks about wisdom. The judge sent "
        "the sculptor to prison, and the nurse went to the library.",
        words_in("novelist novels poet poems philosopher wisdom judge sculptor prison nurse library"),
    ),
    Passage(
        "In April there was a rainbow. He plays the guitar and the drum. The ring is made of bronze, and the mirror is "
        "made of glass. Football is played in a stadium in Mexico and in China. The hammer is a tool.",
        words_in("April rainbow guitar drum ring bronze mirror glass Football stadium Mexico China hammer"),
    ),
)
"""Six passages with 71 words, none of which is among those that a calibration tries. They have chosen nothing."""


def held_out_words(model: Model) -> KnownWords:
    """The words of the passages, each at one of the lower layers in turn, and as many next ones at the upper layers.

    States at `embed`, by which nothing is ranked, are left out.
    """
    found = [known_words(model, passage) for passage in PASSAGES]
    words = [(word, state) for each in found for word, state in zip(each.words, each.vectors, strict=True)]
    own = in_turn([each for each in words if each[0].kind == "own" and each[0].layer != EMBED])
    following = in_turn([each for each in words if each[0].kind == "next"])
    kept = [*own, *spread(following, len(own))]
    kept.sort(key=lambda each: (each[0].kind != "own", each[0].layer))
    return KnownWords(tuple(word for word, _ in kept), torch.stack([state for _, state in kept]))


def in_turn(found: Sequence[tuple[KnownWord, torch.Tensor]]) -> list[tuple[KnownWord, torch.Tensor]]:
    """Of words that are there at several layers, each with its state `(hidden,)` at one, the layers taking turns."""
    layers = sorted({word.layer for word, _ in found})
    turns = {layer: [each for each in found if each[0].layer == layer] for layer in layers}
    return [each for turn, layer in enumerate(layers) for each in turns[layer][turn :: len(layers)]]


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
