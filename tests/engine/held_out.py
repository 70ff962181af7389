"""Words that no calibration has seen, and what a full sweep of settings reads back of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch

from selfie_tui.engine.known_passages import passage
from selfie_tui.engine.known_words import KnownWord, KnownWords, known_words, spread
from selfie_tui.engine.methods.calibrate import STOP, Trial
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.records import EMBED, Calibrate, CalibrationRow, Cell, InjectionSetting, Preset, Request

PASSAGES = (
    passage(
        "The cook puts butter, sugar and an egg in the oven. A potato, a tomato and a mango are in the fridge. The "
        "spoon and the fork lie by the cup.",
        "cook butter sugar egg oven potato tomato mango fridge spoon fork cup",
    ),
    passage(
        "The pilot flew from Japan to Egypt, and then to Canada. The ship came to Brazil with leather, coconut and "
        "soap. There is a road from Rome to Madrid, and another one from Moscow to Sweden.",
        "pilot Japan Egypt Canada ship Brazil leather coconut soap Rome Madrid Moscow Sweden",
    ),
    passage(
        "The mother and the father live in a palace. Their girl wears a coat, a shirt and a boot. The boy sees the "
        "temple from the window, and the grandmother hears a bell. The duke has an army and an enemy.",
        "mother father palace girl coat shirt boot boy temple window grandmother bell duke army enemy",
    ),
    passage(
        "The giraffe and the kangaroo eat leaves. A crocodile hides in the jungle, and a parrot sings in the cave. The "
        "penguin likes ice, the hen and the goose are in the garden, and the duck is on the sea.",
        "giraffe kangaroo crocodile jungle parrot cave penguin ice hen goose garden duck sea",
    ),
    passage(
        "The clock on the tower is made of iron. Take a candle, a ladder and a brush to the tent, and an axe and a "
        "broom to the building. The ball costs one dollar. In the hospital they talk about death and the night.",
        "clock tower iron candle ladder brush tent axe broom building ball dollar hospital death night",
    ),
)
"""Five passages with 68 words, none of which is among those that a calibration tries. They have chosen nothing."""


def held_out_words(model: Model) -> KnownWords:
    """The words of the passages, each at one of the lower layers in turn, and as many next ones at the upper layers.

    States at `embed`, by which nothing is ranked, are left out.
    """
    found = [known_words(model, (each,)) for each in PASSAGES]
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
