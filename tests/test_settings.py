"""The table of settings: what is typed, shown and stepped through, and that every door has every setting."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import selfie_tui
from selfie_tui.cli import parser
from selfie_tui.errors import RequestError
from selfie_tui.interpret_settings import Bounds, InterpretSettings
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.modes import MODES
from selfie_tui.records import EMBED, Cell, Request, RunSettings
from selfie_tui.setting_values import STOPS
from selfie_tui.settings import SETTINGS, differences, parse_settings, settings_table

BOUNDS = Bounds(blocks=8)
BY_FIELD = {setting.field: setting for setting in SETTINGS}
README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_table_has_a_row_for_every_field_of_a_run_and_no_other():
    fields = {field.name for field in msgspec.structs.fields(RunSettings)}
    assert set(BY_FIELD) == fields | {"preset"}
    request = {field.name for field in msgspec.structs.fields(Request)}
    assert request == fields | {"preset", "prompt", "cells", "stack", "module"}


def test_settings_become_a_request_with_every_field():
    settings = InterpretSettings(mode="add", strength=2.0, stop=("\n",), temperature=0.5, seed=3, compat=True)
    request = settings.request("a prompt", (Cell(0, 0),), "decoder")
    assert (request.prompt, request.cells, request.stack) == ("a prompt", (Cell(0, 0),), "decoder")
    assert all(setting.of(request) == setting.of(settings) for setting in SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.field)
def test_what_a_setting_shows_is_what_it_reads(setting):
    for steps in (-3, -1, 0, 1, 3, 1_000_000, -1_000_000):
        value = setting.step(setting.default, steps, BOUNDS)
        assert setting.parse(setting.text(value), BOUNDS) == value
        assert setting.about(InterpretSettings(), BOUNDS)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("injection_layer", "embed", EMBED),
        ("injection_layer", "-1", 7),
        ("mode", "normalized", "blend"),
        ("strength", "-0.5", -0.5),
        ("stop", "line", ("\n",)),
        ("stop", "end of\\nit", ("end of\nit",)),
        ("temperature", "0.7", 0.7),
    ],
)
def test_a_typed_value_is_read(field, text, value):
    assert BY_FIELD[field].parse(text, BOUNDS) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("preset", "none"), ("injection_layer", "8"), ("injection_layer", "0-1"), ("mode", "paint"),
        ("strength", "nan"), ("strength", "inf"), ("strength", "x"), ("max_new_tokens", "0"),
        ("max_new_tokens", "1.5"), ("stop", ""), ("temperature", "-1"), ("seed", "-1"), ("relevancy", "maybe"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_what_to_do(field, text):
    with pytest.raises(RequestError) as refused:
        parse_settings({field: text}, BOUNDS)
    assert refused.value.remedy


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_any_finite_strength_is_read_as_written(strength):
    assert math.isclose(BY_FIELD["strength"].parse(repr(strength), BOUNDS), strength)


def test_a_layer_is_read_while_no_model_is_known():
    assert parse_settings({"injection_layer": "40"}, Bounds()).injection_layer == 40


def test_the_command_line_has_an_option_for_every_setting_and_its_defaults_are_the_tables():
    arguments = parser().parse_args(["interpret", "a prompt"])
    assert parse_settings({setting.field: getattr(arguments, setting.field) for setting in SETTINGS}, BOUNDS) == (
        InterpretSettings()
    )
    switched = [setting.option for setting in SETTINGS if setting.is_switch]
    arguments = parser().parse_args(["interpret", "a prompt", *switched])
    for setting in SETTINGS:
        if setting.is_switch:
            assert setting.parse(getattr(arguments, setting.field), BOUNDS) is not setting.default


@pytest.mark.parametrize("function", [selfie_tui.interpret, selfie_tui.interpret_vectors])
def test_the_librarys_keywords_are_the_tables_settings_with_the_same_defaults(function):
    keywords = inspect.signature(function).parameters
    for setting in SETTINGS:
        default = setting.default.name if setting.field == "preset" else setting.default
        default = "embed" if setting.field == "injection_layer" else default
        assert keywords[setting.field].default == default, setting.field


def test_the_facade_takes_every_setting_of_the_table():
    keywords = set(inspect.signature(ModelAgnosticSelfie.interpret).parameters)
    of_nnsight_selfie = {"mode": "replacing_mode", "strength": "overlay_strength"}
    assert {of_nnsight_selfie.get(field, field) for field in BY_FIELD if field != "preset"} <= keywords


def test_the_readme_has_the_table_of_settings_and_every_mode():
    assert README.split("<!-- settings -->\n")[1].split("<!-- /settings -->")[0] == settings_table()
    for mode in MODES:
        assert f"`{mode}`" in README, mode


def test_settings_other_than_the_defaults_are_named():
    assert differences(InterpretSettings()) == ()
    settings = InterpretSettings(stop=STOPS["line"], temperature=0.5, seed=2, relevancy=False, random_control=True)
    assert differences(settings) == ("to line", "random on", "temp 0.5", "seed 2", "relevancy off")
