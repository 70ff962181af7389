"""The prompt's text: in lines that follow every edit, and in the user's own editor."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.tui.editor import EditorError, editor_command
from selfie_tui.tui.render.breaks import Breaks
from tests.tui.driving import running, text_of
from tests.tui.ptys import PtyProgram

WIDTHS = {"0": 0, "W": 2}


def cells(character: str) -> int:
    return WIDTHS.get(character, 1)


def broken(text: str, width: int) -> list[str]:
    breaks = Breaks(cells)
    breaks.update(text, width)
    return [text[start : breaks.end_of(line)] for line, start in enumerate(breaks.starts)]


# Lines ----------------------------------------------------------------------------------------------------------------


def test_lines_break_at_spaces_at_line_breaks_and_in_long_words():
    assert broken("one two three", 8) == ["one two ", "three"]
    assert broken("one\n\ntwo", 8) == ["one\n", "\n", "two"]
    assert broken("abcdefgh", 3) == ["abc", "def", "gh"]
    assert broken("aWWW", 4) == ["aW", "WW"]
    assert broken("", 4) == [""]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text("ab \nW0", max_size=9)), max_size=6),
    st.integers(2, 8),
)
def test_lines_after_any_edits_are_those_of_the_text_broken_anew(edits, width):
    breaks, text = Breaks(cells), ""
    for at, removed, typed in edits:
        text = text[:at] + typed + text[at + removed :]
        breaks.update(text, width)
        anew = Breaks(cells)
        anew.update(text, width)
        assert breaks.starts == anew.starts


def test_a_key_in_a_long_text_looks_at_a_few_lines_only():
    looked_at = 0

    def counting(character: str) -> int:
        nonlocal looked_at
        looked_at += 1
        return 1

    breaks, text = Breaks(counting), "some words " * 9_000
    breaks.update(text, 80)
    looked_at = 0
    breaks.update(text[:50_000] + "x" + text[50_000:], 80)
    assert 0 < looked_at < 2_000


# On the screen --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "most"), [((120, 40), 4), ((80, 24), 2)])
async def test_the_field_is_as_high_as_its_text_up_to_some_lines(size, most):
    async with running(size=size, prompt="short") as (app, pilot):
        field = app.main.prompt_text
        assert field.region.height == 1
        await pilot.press("i")
        field.put(" and so on" * 60)
        await pilot.pause()
        assert field.region.height == most
        assert field.cursor_screen_offset in field.region
        await pilot.press("ctrl+u")
        await pilot.pause()
        assert field.region.height == 1


async def test_up_and_down_go_through_the_lines_and_from_the_last_to_the_tokens():
    async with running(prompt="first line\nsecond\nthe third") as (app, pilot):
        await pilot.press("i", "home", "right", "right")
        field = app.main.prompt_text
        for expected in (13, 20):
            await pilot.press("down")
            assert field.cursor_position == expected
        await pilot.press("up")
        assert field.cursor_position == 13
        await pilot.press("down", "down")
        assert app.main.tokens.has_focus


async def test_a_click_goes_to_the_character_under_it_in_any_line():
    async with running(prompt="first line\nsecond") as (app, pilot):
        field = app.main.prompt_text
        await pilot.click(field, offset=(3, 1))
        assert field.cursor_position == len("first line\nsec")


async def test_every_line_of_a_wrapped_prompt_is_drawn():
    words = [f"word{number}" for number in range(30)]
    async with running(prompt=" ".join(words)) as (app, _):
        region = app.main.prompt_text.region
        shown = "\n".join(line[31:] for line in text_of(app).splitlines()[region.y : region.bottom])
        assert [word in shown for word in words] == [True] * 30


# The user's editor ----------------------------------------------------------------------------------------------------


def script(folder: Path, name: str, body: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def program(folder: Path, editor: str) -> PtyProgram:
    """The app on the bundled model, with an editor, in folders of its own."""
    kept = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "STATE", "CACHE")}
    env = {**kept, "HOME": str(folder), "EDITOR": editor, "VISUAL": "", "TMPDIR": str(folder)}
    return PtyProgram("-m", "selfie_tui.cli", "--prompt", "of Paris", size=(120, 40), env=env)


def test_the_prompt_comes_back_from_the_editor_and_the_screen_is_whole(tmp_path):
    editor = script(
        tmp_path, "ed", f"cp $1 {tmp_path}/seen; stty -a > {tmp_path}/stty; printf 'a city\\nin Japan\\n' > $1"
    )
    with program(tmp_path, editor) as app:
        assert app.shows("reads this token")
        before = app.text()
        app.send("\x1be")
        assert app.shows("a city↵"), app.text()
        assert app.shows("Japan▐"), "the tokens are those of the new text"
        assert (tmp_path / "seen").read_text() == "of Paris\n"
        assert " echo " in (tmp_path / "stty").read_text().replace(";", " "), "a terminal as programs expect it"
        first, *_, last = app.text().splitlines()
        assert "verified" in first
        assert ("help" in last) == ("help" in before.splitlines()[-1])
        assert not list(tmp_path.glob("selfie-tui-*")), "no file is left"


def test_in_the_settings_the_editor_has_the_interpretation_prompt(tmp_path):
    editor = script(tmp_path, "ed", "printf 'Repeat _ twice:\\n' > $1")
    with program(tmp_path, editor) as app:
        assert app.shows("reads this token")
        app.send("\x1b3")
        assert app.shows("SelfIE")
        app.send("E")
        assert app.shows("‹custom›"), app.text()
        assert app.shows("Repeat [_]")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("exit 3", "ended with code 3"),
        ("echo lost > $1; exit 1", "ended with code 1"),
    ],
)
def test_an_editor_that_fails_changes_nothing_and_loses_nothing(tmp_path, body, says):
    with program(tmp_path, script(tmp_path, "ed", body)) as app:
        assert app.shows("reads this token")
        app.send("\x1be")
        assert app.shows(says), app.text()
        assert "of Paris" in app.text()
        kept = [path.read_text() for path in tmp_path.glob("selfie-tui-*")]
        assert kept == (["lost\n"] if "lost" in body else [])


@pytest.mark.parametrize(("editor", "says"), [("no-such-editor", "No such file"), ("", "No editor is set")])
def test_an_editor_that_is_not_there_is_said(tmp_path, editor, says):
    with program(tmp_path, editor) as app:
        assert app.shows("reads this token")
        app.send("\x1be")
        assert app.shows(says), app.text()
        assert not list(tmp_path.glob("selfie-tui-*"))


def test_the_visual_editor_comes_first_with_its_arguments():
    assert editor_command({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    assert editor_command({"VISUAL": "", "EDITOR": "vi"}) == ["vi"]
    with pytest.raises(EditorError, match="cannot be understood"):
        editor_command({"EDITOR": "vi 'x"})
