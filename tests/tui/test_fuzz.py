"""Random keys, sequences, pastes, broken bytes and sizes, as fast as a terminal takes them: no crash, no silence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.tui.test_signals import Selfie
from tests.tui.test_terminal_input import BROKEN

PROGRAM = """
import sys
from selfie_tui.cli import run
from selfie_tui.tui.app import SelfieApp
from tests.tui.fake_engine import FakeEngine
SelfieApp.__init__.__defaults__ = (lambda: FakeEngine(blocks=12), None)
sys.argv = ["selfie-tui"]
run()
"""
"""The program as it is, on an engine that answers at once."""

NAMED = [*"\r\t\x1b \x7f", *(f"\x1b[{end}" for end in "ABCDHFZ"), "\x1b[5~", "\x1b[6~", "\x1bOP", "\x1b[19~"]
PLAIN = [chr(code) for code in range(33, 127) if chr(code) not in "q:o"]
CONTROL = [chr(code) for code in range(1, 27) if chr(code) not in "\x03\x11\x1a"]
TEXTS = ["e\u0301", "\u202eabc", "\U0001f468\u200d\U0001f469", "\u200b", "漢字", "\x00", "\x1b[31m", "\ufffe", "_ "]
TEXTS += ["\n\n", "\t", "[INST]a", "word "]
MOUSE = [f"\x1b[<{button};{{x}};{{y}}{end}" for button in (0, 35, 64, 65) for end in "Mm"]
SIZES = [(1, 1), (2, 2), (10, 3), (20, 5), (40, 12), (60, 20), (80, 24), (120, 40), (200, 60)]


def burst(chance: random.Random) -> bytes:
    """What is sent at once."""
    kind = chance.choices(("named", "plain", "control", "text", "mouse", "paste", "broken"), (30, 20, 8, 8, 10, 5, 5))[
        0
    ]
    if kind == "broken":
        return chance.choice([*BROKEN.values()])
    if kind == "paste":
        return f"\x1b[200~{''.join(chance.choices(TEXTS, k=chance.randint(0, 60)))}\x1b[201~".encode()
    pieces = {"named": NAMED, "plain": PLAIN, "control": CONTROL, "text": TEXTS, "mouse": MOUSE}[kind]
    text = "".join(chance.choices(pieces, k=chance.randint(1, 9)))
    return (text.format(x=chance.randint(0, 130), y=chance.randint(0, 50)) if kind == "mouse" else text).encode()


def answers(selfie: Selfie, size: tuple[int, int]) -> bool:
    """Whether something is drawn for a new size."""
    selfie.send("\x1b\\")
    while selfie.read(0.1):
        pass
    before = selfie.received
    selfie.resize(*size)
    return selfie.until(lambda: selfie.received > before, 5)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_input_ends_the_program_or_silences_it(seed: int, tmp_path: Path):
    chance = random.Random(seed)
    with Selfie(tmp_path, program=("-c", PROGRAM)) as selfie:
        assert selfie.shows("verified")
        for number in range(200):
            sent = burst(chance)
            selfie.send_bytes(sent)
            if number % 5 == 0:
                selfie.resize(*chance.choice(SIZES))
            selfie.read(0)
            assert selfie.process.poll() is None, sent
            if number % 40 == 39:
                assert answers(selfie, (100 + number // 40, 30)), sent
        selfie.send("\x11")
        assert selfie.ends() == 0
        assert "Traceback" not in (selfie.state / "selfie-tui.log").read_text()
        assert selfie.has_given_back_the_terminal()
