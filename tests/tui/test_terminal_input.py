"""Whatever a terminal sends: it is a key, a paste or a report, or it is dropped, and what follows is understood."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import BRACKETED_PASTE_START
from textual.message import Message

from selfie_tui.tui.terminal.input import LARGEST, InputParser
from tests.tui.test_signals import Selfie

BROKEN = {
    "bytes that are not UTF-8": b"\xff \xc3 \xe2\x82 \xed\xa0\x80 \xf8\x88",
    "a key past Unicode": b"\x1b[1114112u",
    "a key that is half a character": b"\x1b[55296u",
    "a key with alternatives": b"\x1b[97:65;1u",
    "a mouse report after a size of no pixels": b"\x1b[48;9;9;0;0t\x1b[<35;9;9M",
    "a mouse report of column 0": b"\x1b[<0;0;0M\x1b[<0;0;5m",
    "a mouse report far away": b"\x1b[<0;999999999;5M\x1b[<35;5;99999999999M",
    "a size that no terminal has": b"\x1b[48;99999;99999;9;9t",
    "a number of many digits": b"\x1b[99999999999999999999;1R",
}


def parsed(*pieces: str) -> list[Message]:
    parser = InputParser()
    return [message for piece in pieces for message in parser.feed(piece)]


def keys(messages: list[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


def pastes(messages: list[Message]) -> list[str]:
    return [message.text for message in messages if isinstance(message, events.Paste)]


@pytest.mark.parametrize("sequence", ["\x1b[1114112u", "\x1b[55296u", "\x1b[99999999999999999999u", "\x1b[97:65;1u"])
def test_a_key_that_stands_for_no_character_is_taken_and_ignored(sequence: str):
    assert keys(parsed(sequence + "a")) == ["a"]


def test_a_size_that_no_terminal_has_changes_nothing():
    good, bad = "\x1b[48;30;100;600;1000t", "\x1b[48;9;9;0;0t"
    pointer = "\x1b[<35;501;301M"
    (_, moved) = parsed(good, pointer)
    (_, moved_after) = parsed(good, bad, f"\x1b[48;{LARGEST + 1};9;90;90t", pointer)
    assert isinstance(moved, events.MouseMove)
    assert isinstance(moved_after, events.MouseMove)
    assert (moved.screen_x, moved.screen_y) == (moved_after.screen_x, moved_after.screen_y) == (50, 15)


def test_mouse_reports_outside_any_terminal_are_dropped():
    assert parsed("\x1b[<0;0;5M", "\x1b[<0;5;0M", f"\x1b[<0;{LARGEST + 1};5M", "\x1b[<64;5;99999999999M") == []


@pytest.mark.parametrize("sent", ["\x11", "\x03", "\x1b[113;5u"])
def test_a_paste_whose_end_is_lost_does_not_keep_the_keys_that_quit(sent: str, monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("selfie_tui.tui.terminal.input.get_time", lambda: now)
    parser = InputParser()
    assert list(parser.feed(BRACKETED_PASTE_START + "some text")) == []
    now += 0.5
    assert list(parser.feed(sent)) == []  # as quickly as this, it is a part of what is pasted
    now += 1.5
    messages = list(parser.feed(sent))
    assert pastes(messages) == ["some text" + sent]
    assert keys(messages) in (["ctrl+q"], ["ctrl+c"])
    assert keys(list(parser.feed("a"))) == ["a"]


def test_escapes_in_a_paste_are_text_and_none_of_it_acts_as_keys():
    text = "\x1b[31mred\x1bq\x1b[200~ [INST]"
    messages = parsed(f"a\x1b[200~{text}\x1b[201~b")
    assert pastes(messages) == [text]
    assert keys(messages) == ["a", "b"]


@given(st.text(max_size=40), st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_a_paste_is_whole_however_it_arrives(text: str, sizes: list[int]):
    text = text.replace("\x1b[201~", "")
    data = f"\x1b[200~{text}\x1b[201~x"
    pieces, start = [], 0
    while start < len(data):
        size = sizes[start % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
    messages = parsed(*pieces)
    if "\x1b[201~" not in data[6 : -len("\x1b[201~x")]:
        assert pastes(messages) == [text.replace("\x00", "")]
        assert keys(messages) == ["x"]


PARTS = st.sampled_from(
    [
        "\x1b",
        "[",
        "]",
        "<",
        ";",
        ":",
        "0",
        "9",
        "48",
        "1114112",
        "M",
        "m",
        "u",
        "t",
        "R",
        "$y",
        "?",
        "~",
        "201~",
        "\x1b[",
    ]
)


@given(st.lists(st.one_of(PARTS, st.characters(exclude_categories=("Cs",))), max_size=40))
def test_no_input_ends_the_input(parts: list[str]):
    parser = InputParser()
    for part in parts:
        list(parser.feed(part))
    list(parser.feed("\x1b[201~"))
    parser._timeout_time = 0.0  # as if nothing came for a while
    list(parser.tick())
    assert keys(list(parser.feed("a"))) == ["a"]


def test_200_000_pasted_characters_are_parsed_in_well_under_a_second():
    began = time.monotonic()
    text = "漢字 and more of it " * 12_000
    assert pastes(
        parsed("\x1b[200~", *(text[start : start + 4096] for start in range(0, len(text), 4096)), "\x1b[201~")
    )
    assert time.monotonic() - began < 1.0


def test_the_app_goes_on_after_input_that_is_not_understood(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        selfie.send_bytes("é".encode()[:1])
        selfie.read(0.3)
        selfie.send_bytes("é".encode()[1:])
        for what, data in BROKEN.items():
            selfie.send_bytes(data)
            selfie.read(0.2)
            assert selfie.process.poll() is None, what
        selfie.send("\x1b")
        selfie.read(0.5)
        selfie.send("?")
        assert selfie.shows("esc")
        selfie.send("\x11")
        assert selfie.ends() == 0
        assert "Traceback" not in (selfie.state / "selfie-tui.log").read_text()
        assert selfie.has_given_back_the_terminal()


FAULTY = """
import sys
from selfie_tui.tui.app import SelfieApp
def fail(app):
    raise RuntimeError("ON PURPOSE")
SelfieApp.action_help = fail
sys.argv = ["selfie-tui"]
from selfie_tui.cli import run
run()
"""


def test_a_crash_is_in_the_log_and_one_line_on_the_terminal_says_where(tmp_path: Path):
    with Selfie(tmp_path, program=("-c", FAULTY)) as selfie:
        assert selfie.shows("verified")
        selfie.send("?")
        assert selfie.ends() == 1
        log = selfie.state / "selfie-tui.log"
        assert "ON PURPOSE" in log.read_text()
        assert "Traceback" in log.read_text()
        last = selfie.sent.rpartition("\x1b[?1049l")[2]
        assert "RuntimeError" in last
        assert str(log) in last.replace("\r\n", "")
        assert "Traceback (most" not in last
        assert selfie.has_given_back_the_terminal()
