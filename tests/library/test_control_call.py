"""Control of a layer from a notebook; on the bundled model over landmarks, beside a random target, with its costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

import selfie_tui
from selfie_tui.demo.facts import places
from selfie_tui.demo.world import bare, rows
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.control import ControlledLayer
from tests.engine.inspecting.models import edited_logits, logits, source
from tests.engine.zoo import build

PROMPT = "the man with hat is in Paris"
OTHER = "a city of hat man"
CAPITALS = {bare(country): capital for country, capital, *_ in rows(places.COUNTRIES)}
LANDMARKS = [(name[0].upper() + name[1:], city) for name, _, city, *_ in rows(places.LANDMARKS)]
EVERY = 43
"""One landmark in so many is moved."""


def sentence(name: str) -> str:
    return f"{name} is located in the city of"


@dataclass
class Tally:
    """How often the answer, the reading and the answer to another wording became the other city's."""

    moved: int = 0
    read: int = 0
    reworded: int = 0
    left: int = 0
    agree: dict[bool, list[bool]] = field(default_factory=lambda: {True: [], False: []})
    kl: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})

    def add(self, found: ControlledLayer, own: str, other: str) -> None:
        after = found.done.after
        first, second = (each.text.strip() for each in after.answers)
        self.moved += bool(first) and other.startswith(first)
        self.reworded += bool(second) and other.startswith(second)
        self.read += other in after.interpretations[0].text
        self.left += not (first and own.startswith(first))
        for each in found.done.retained:
            self.agree[each.held_out].append(each.next_before == each.next_after)
            self.kl[each.held_out].append(each.kl)

    def agreement(self, held_out: bool) -> float:
        return sum(self.agree[held_out]) / len(self.agree[held_out])

    def divergence(self, held_out: bool) -> float:
        return sum(self.kl[held_out]) / len(self.kl[held_out])


def controlled(demo: Model, index: int, **settings: Any) -> tuple[ControlledLayer, str, str]:
    """A landmark moved to another's city; every second one of the others is retained, the rest are held out."""
    name, city = LANDMARKS[index]
    there, other = next(each for each in LANDMARKS[index + 13 :] + LANDMARKS if each[1] != city)
    others = [sentence(each) for each, _ in LANDMARKS if each not in (name, there)]
    capitals = [f"The capital of {country} is" for country, capital in CAPITALS.items() if capital not in (city, other)]
    found = selfie_tui.control_layer(
        demo,
        sentence(name),
        5,
        like=sentence(there),
        retain=[*others[::2], *capitals[::4]],
        held_out=[*others[1::2], *capitals[2::4]],
        also=f"{name} is in the city of",
        answer_tokens=1,
        **settings,
    )
    return found, city, other


def test_a_landmark_is_moved_to_another_city_and_others_stay(demo: Model) -> None:
    """Seen with one landmark in four, the first 16: all moved, read and moved in other words, by random targets none.

    Of 940 held-out prompts 936 kept their next token (KL 0.0045), of 944 retained ones 939; where nothing is retained
    935 of 940 (KL 0.0061).
    """
    found, random, free = Tally(), Tally(), Tally()
    chosen = range(0, len(LANDMARKS), EVERY)
    for index in chosen:
        found.add(*controlled(demo, index))
        random.add(*controlled(demo, index, random=True, seed=index))
        free.add(*controlled(demo, index, keep=0.0))
    for name, each in (("toward", found), ("random", random), ("nothing retained", free)):
        print(
            f"\n{name}: of {len(chosen)} {each.moved} moved, {each.read} read, {each.reworded} in other words, ", end=""
        )
        print(f"{each.left} left; the same {each.agreement(False):.4f} retained, {each.agreement(True):.4f} held out")
    assert found.moved == found.read == len(chosen)
    assert found.reworded >= len(chosen) - 1
    assert random.moved == random.read == random.left == 0
    assert found.agreement(True) > 0.97
    assert found.divergence(False) < free.divergence(False)


def test_a_layer_is_controlled_in_a_call_and_applied_for_a_while(tmp_path: Path) -> None:
    model = build("llama")
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    clean = logits(model, source(model))
    found = selfie_tui.control_layer(
        model,
        PROMPT,
        2,
        like=OTHER,
        retain="a man with hat",
        also=["the city of Paris"],
        steps=20,
        answer_tokens=2,
        max_new_tokens=2,
        preset="repeat",
        file=str(tmp_path / "w.safetensors"),
    )
    assert len(found.steps) == 20
    assert set(found.weights) == {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}
    with found.applied():
        applied = edited_logits(model, source(model))
        assert model.info().edits[0].action == "weights"
    assert not applied.equal(clean)
    assert logits(model, source(model)).equal(clean)
    with selfie_tui.edited(model, f"layers.2.mlp = weights:{tmp_path / 'w.safetensors'}"):
        assert edited_logits(model, source(model)).equal(applied)
    after = model.module.state_dict()
    assert all(weight.equal(after[name]) for name, weight in before.items())
    table = found.to_dicts()
    assert [row["kind"] for row in table] == ["reading", "answer", "answer", "retained", *["held out"] * 8]
    assert [row["kl"] is None for row in table] == [True] * 3 + [False] * 9
    assert list(found.to_pandas()["after"]) == [row["after"] for row in table]


def test_numbers_and_vectors_are_targets() -> None:
    model = build("llama")
    target = model.read(model.tokenizer(OTHER)["input_ids"], [2], [-1])[2][0]
    settings: dict[str, Any] = {"steps": 3, "answer_tokens": 1, "max_new_tokens": 1, "preset": "repeat"}
    like = selfie_tui.control_layer(model, PROMPT, 2, like=OTHER, **settings)
    for toward in (target, target.numpy(), selfie_tui.mean_vector(model, OTHER, [1, 2])):
        found = selfie_tui.control_layer(model, PROMPT, 2, toward=toward, **settings)
        assert all(torch.allclose(each, like.weights[name], atol=1e-5) for name, each in found.weights.items())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "There is no target"),
        ({"toward": torch.ones(64), "like": OTHER}, "There are two targets"),
        ({"toward": torch.ones(6)}, "6 wide"),
        ({"toward": "nobody"}, "No vector “nobody”"),
        ({"like": OTHER, "rate": "fast"}, "Write a number for the rate"),
        ({"like": OTHER, "steps": 2.0}, "Write an integer"),
        ({"like": 3}, "Expected a text as prompt"),
        ({"like": OTHER, "retain": [3]}, "Expected a text as prompt"),
        ({"like": OTHER, "positions": 40}, "out of range"),
    ],
)
def test_mistakes_say_what_to_do(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError) as error:
        selfie_tui.control_layer(build("llama"), PROMPT, 2, **settings)
    assert says in str(error.value)
