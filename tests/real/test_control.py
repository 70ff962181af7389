"""Control of a layer on the published model: landmarks moved to another city, beside a random target."""

from __future__ import annotations

from typing import Any

import pytest

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.library.control import ControlledLayer

pytestmark = pytest.mark.real

LANDMARKS = (
    "The Eiffel Tower",
    "The Colosseum",
    "Big Ben",
    "The Kremlin",
    "The Parthenon",
    "The Brandenburg Gate",
)
CAPITALS = [f"The capital of {country} is" for country in ("Spain", "Portugal", "Austria", "Japan", "Egypt", "Cuba")]
LAYER = 24


def sentence(name: str) -> str:
    return f"{name} is located in the city of"


def controlled(model: Model, index: int, **settings: Any) -> ControlledLayer:
    """A landmark's last token moved to where the next one's is; two of the others are retained and two held out."""
    names = LANDMARKS[index:] + LANDMARKS[:index]
    return selfie_tui.control_layer(
        model,
        sentence(names[0]),
        LAYER,
        like=sentence(names[1]),
        retain=[*map(sentence, names[2:4]), *CAPITALS[::2]],
        held_out=[*map(sentence, names[4:]), *CAPITALS[1::2]],
        also=[f"{names[0]} is in the city of", sentence(names[1])],
        answer_tokens=1,
        max_new_tokens=1,
        **settings,
    )


def test_landmarks_answer_as_another_does_and_others_stay(smollm2: Model) -> None:
    """Seen: 5 of 6 answer as the other, 4 in other words, by random targets none; 26 of 30 held-out prompts stay."""
    moved = reworded = random = kept = prompts = 0
    for index in range(len(LANDMARKS)):
        found = controlled(smollm2, index)
        own, _, there = (each.text for each in found.began.before.answers)
        answer, other, _ = (each.text for each in found.done.after.answers)
        control = controlled(smollm2, index, random=True, seed=index).done.after.answers[0].text
        held_out = [each.next_before == each.next_after for each in found.done.retained if each.held_out]
        moved, reworded, random = moved + (answer == there), reworded + (other == there), random + (control == there)
        kept, prompts = kept + sum(held_out), prompts + len(held_out)
        print(
            f"\n{own} →{answer} of{there}, in other words{other}, random{control}; way {found.done.distance:.3f}",
            end="",
        )
    print(f"\n{moved} moved, {reworded} in other words, {random} by random targets; {kept} of {prompts} held out stay")
    assert moved >= 5
    assert reworded >= 4
    assert random == 0
    assert kept >= 0.8 * prompts
