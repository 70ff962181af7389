"""Presets of one's own: files by name, listed beside the built-in ones, found by command line and library."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.config import Memory, read_memory, write_memory
from selfie_tui.errors import RequestError
from selfie_tui.interpret_settings import Bounds, InterpretSettings
from selfie_tui.library.interpretation_prompt import as_preset
from selfie_tui.preset_files import delete_preset, read_presets, save_preset, toml_string
from selfie_tui.presets import PRESETS, RESERVED, own_presets, preset_called
from selfie_tui.records import Preset
from selfie_tui.settings import parse_settings
from tests.results.conftest import command  # noqa: F401

MINE = Preset("in-short", '[INST]"_" in short?[/INST] It is:\n\n\t', source="my own, 漢字 \\ \x7f")


def test_a_preset_is_read_back_as_it_was_saved(tmp_path):
    path = save_preset(tmp_path / "presets", MINE)
    assert path == tmp_path / "presets" / "in-short.toml"
    assert read_presets(tmp_path / "presets") == ((MINE,), "")
    changed = Preset("in-short", "? is", placeholder="?")
    save_preset(tmp_path / "presets", changed)
    assert read_presets(tmp_path / "presets").presets == (changed,)
    assert [each.name for each in (tmp_path / "presets").iterdir()] == ["in-short.toml"]
    delete_preset(tmp_path / "presets", "in-short")
    delete_preset(tmp_path / "presets", "in-short")
    assert read_presets(tmp_path / "presets") == ((), "")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_toml_in_printable_ascii(text):
    written = f"text = {toml_string(text)}"
    assert written.isascii()
    assert written.isprintable()
    assert tomllib.loads(written)["text"] == text


def test_a_file_that_people_write_needs_no_more_than_a_text(tmp_path):
    (tmp_path / "mine.toml").write_text("text = '''\n_ _ means\n'''\n")
    assert read_presets(tmp_path).presets == (Preset("mine", "_ _ means\n"),)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", ".x", "-x", "_", "x" * 65, "a\n", "summarize", "custom"])
def test_a_name_that_cannot_be_used_is_refused(tmp_path, name):
    with pytest.raises(RequestError):
        save_preset(tmp_path, Preset(name, "_"), RESERVED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["in-short", "über.kurz", "2nd", "漢字", "x" * 64])
def test_names_of_letters_and_digits_are_taken(tmp_path, name):
    save_preset(tmp_path, Preset(name, "_"), RESERVED)
    assert read_presets(tmp_path, RESERVED).presets == (Preset(name, "_"),)


def test_broken_files_are_named_in_one_message_and_the_rest_stay(tmp_path):
    save_preset(tmp_path, MINE)
    (tmp_path / "a.toml").write_text("text = ")
    (tmp_path / "b.toml").write_text('text = "no place"')
    (tmp_path / "c.toml").write_text('text = "_"\ncolour = "red"')
    (tmp_path / "d.toml").write_bytes(b'text = "\xff"')
    (tmp_path / "summarize.toml").write_text('text = "_"')
    (tmp_path / "e.toml").mkdir()
    presets, problem = read_presets(tmp_path, RESERVED)
    assert presets == (MINE,)
    assert problem.count(str(tmp_path)) == 1
    for words in ("a.toml", "b.toml: The text has no placeholder", "c.toml", "colour", "d.toml", "built-in", "e.toml"):
        assert words in problem


def test_a_disk_that_refuses_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot be saved"):
        save_preset(tmp_path / "file" / "presets", MINE)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preset:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "XDG_CONFIG_HOME"))
    preset = Preset("capital", "[INST]_ _ _ _ _ [/INST] Sure, the message mentions:", source="mine")
    save_preset(tmp_path / "XDG_CONFIG_HOME" / "selfie-tui" / "presets", preset)
    return preset


def test_a_preset_of_ones_own_is_found_by_name_everywhere(mine):
    assert own_presets().presets == (mine,)
    assert preset_called("capital") == mine
    assert preset_called("summarize") is PRESETS[0]
    assert parse_settings({"preset": "capital"}, Bounds()).preset == mine
    assert as_preset("capital") == mine
    with pytest.raises(RequestError, match="capital"):
        preset_called("nothing")


def test_the_command_line_uses_it_by_name(mine, command):  # noqa: F811
    own = command("interpret", "The Eiffel Tower is located in the city of", "--layers", "7", "--preset", "capital")
    built_in = command(
        "interpret", "The Eiffel Tower is located in the city of", "--layers", "7", "--preset", "mentions"
    )
    assert own.code == 0
    assert own.out == built_in.out


def test_the_memory_keeps_settings_and_own_preset(tmp_path):
    memory = Memory(
        settings=InterpretSettings(preset=MINE, strength=2.5, stop=("\n",)), dtype="fp32", session="x.jsonl"
    )
    write_memory(tmp_path / "memory.json", memory)
    assert read_memory(tmp_path / "memory.json") == (memory, "")


def test_one_broken_entry_of_the_memory_costs_that_entry_alone(tmp_path):
    path = tmp_path / "memory.json"
    path.write_text('{"draft": "a draft", "theme": 3, "recent": ["demo"], "settings": {"preset": 5}, "other": 1}')
    memory, problem = read_memory(path)
    assert memory == Memory(draft="a draft", recent=("demo",))
    assert str(path) in problem
    path.write_text("{")
    assert read_memory(path)[0] == Memory()
    path.write_text("[]")
    assert read_memory(path)[0] == Memory()


def test_a_memory_of_version_0_1_is_read(tmp_path):
    (tmp_path / "memory.json").write_text('{"theme":"dusk","draft":"x","recent":["demo"]}')
    assert read_memory(tmp_path / "memory.json") == (Memory("dusk", "x", ("demo",)), "")
