"""What commands print of an interpretation: its mark, why it has no text, no bar for noise."""

from __future__ import annotations

import msgspec
import pytest

from selfie_tui.commands.printing import TextPrinter
from selfie_tui.records import Cell, GeneratedToken, Interpretation, Token

TOKENS = (
    GeneratedToken("\n", 0, 0.5, 0.9),
    GeneratedToken(" Paris", 1, 0.9, 0.5),
    GeneratedToken(" is", 2, 0.5, 0.03),
    GeneratedToken(" it", 3, 0.5, -0.2),
)
READ = Interpretation(Cell(3, 1), Token(1, 5, " of"), "Paris is it", TOKENS, 151.0, 0.24, layer_norm=150.0)


def printed(capsys: pytest.CaptureFixture[str], **changes: object) -> str:
    TextPrinter().cell(msgspec.structs.replace(READ, **changes))
    return capsys.readouterr().out.rstrip("\n")


def test_there_is_a_bar_for_each_token_that_is_seen_and_is_more_than_noise(capsys):
    assert printed(capsys).split() == ["L3", "1", "·of", "Paris", "is", "it", "▅▁▂"]
    assert printed(capsys, relevancy_floor=0.05).endswith("▅ ▂")
    assert "=" in printed(capsys, relevancy_floor=0.6).split()
    unknown = GeneratedToken(" is", 2, 0.5, float("nan"))
    assert printed(capsys, tokens=(*TOKENS[:2], unknown), relevancy_floor=0.05).endswith("▅×")


def test_a_state_far_from_its_layers_is_marked_and_its_norm_is_printed(capsys):
    line = printed(capsys, norm=22304.0)
    assert line.split()[:2] == ["L3", "^"]
    assert line.endswith("▅▁▂  norm of the state 22,304, the layer's median 150: likely an attention sink")


def test_what_has_no_text_is_marked_and_says_why_where_that_is_known(capsys):
    assert printed(capsys, text="", tokens=()).split() == ["L3", "∅", "1", "·of"]
    line = printed(capsys, text="", tokens=(), norm=float("nan"), problem="the state is not finite in fp16")
    assert line.split()[:2] == ["L3", "!"]
    assert line.endswith("(the state is not finite in fp16)")
