"""Theme files: the shipped ones are readable, a bad one is told and not fatal."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.color import Color

from selfie_tui import themes
from selfie_tui.tui.render.styles import HEAT, Look

SHIPPED = themes.load_all(themes.shipped_dir())
OF_COLOURS = [theme for theme in SHIPPED.themes if not theme.ansi]

READABLE = 4.5
"""The contrast that WCAG 2 asks of text at level AA."""


def contrast(one: Color, other: Color) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Color) -> float:
    """WCAG 2's relative luminance."""
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in colour.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_dark_a_light_a_colour_blind_safe_and_an_ansi_theme_are_shipped_without_problems():
    assert SHIPPED.problems == ()
    assert {theme.name for theme in SHIPPED.themes} >= {"dusk", "paper", "okabe", "ansi"}
    assert {theme.dark for theme in OF_COLOURS} == {True, False}
    assert themes.DEFAULT in {theme.name for theme in SHIPPED.themes}
    assert themes.DEFAULT_ANSI in {theme.name for theme in SHIPPED.themes if theme.ansi}


@pytest.mark.parametrize("theme", OF_COLOURS, ids=lambda theme: theme.name)
def test_everything_written_in_a_shipped_theme_is_readable(theme):
    background = Color.parse(theme.background)
    for role, style in Look(theme).styles.items():
        behind = Color.from_rich_color(style.bgcolor) if style.bgcolor else background
        written = Color.from_rich_color(style.color) if style.color else Color.parse(theme.foreground)
        assert contrast(written, behind) >= READABLE, (role, contrast(written, behind))


@pytest.mark.parametrize("theme", OF_COLOURS, ids=lambda theme: theme.name)
def test_heat_goes_one_way_in_lightness_so_that_it_is_told_apart_without_hue(theme):
    steps = [luminance(Color.parse(colour)) for colour in themes.heat_of(theme)]
    assert steps in (sorted(steps), sorted(steps, reverse=True))
    assert len(steps) == themes.HEAT_STEPS == len(HEAT)


def test_roles_of_the_ansi_theme_stay_apart_without_colours():
    look = Look(next(theme for theme in SHIPPED.themes if theme.ansi))
    bare = {role: str(style.without_color) for role, style in look.styles.items()}
    for one, other in [("cursor", "text"), ("cursor", "rest"), ("rest", "text"), ("slot", "text"), ("match", "cursor")]:
        assert bare.get(one) != bare.get(other, "none"), (one, other)


def test_every_theme_of_the_library_gets_a_look_too():
    for theme in App().available_themes.values():
        assert len(themes.heat_of(theme)) == themes.HEAT_STEPS
        assert Look(theme).styles["cursor"]


GOOD = 'name = "mine"\nprimary = "#ff0000"\nforeground = "white"\nbackground = "black"\nheat = ["#111111", "#eeeeee"]\n'


def test_a_users_theme_replaces_a_shipped_one_of_its_name(tmp_path: Path):
    (tmp_path / "x.toml").write_text(GOOD.replace("mine", "dusk"))
    loaded = themes.load_all(themes.shipped_dir(), tmp_path)
    assert next(theme for theme in loaded.themes if theme.name == "dusk").primary == "#ff0000"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("name = ", "bad.toml: "),
        ("", "missing required field `name`"),
        (GOOD.replace("#ff0000", "reddish"), "primary: invalid colour 'reddish'"),
        (GOOD.replace('"#111111", ', ""), "heat: at least two colours"),
        (GOOD + 'colour = "red"\n', "unknown field `colour`"),
        (GOOD + "dark = 3\n", "dark"),
        (GOOD + '[variables]\nborder = "$$$"\n', "variables: border: invalid colour '$$$'"),
        (GOOD + '[variables]\nborder = "red;} * { display: none"\n', "variables: border: invalid colour"),
        (GOOD + '[variables]\nborder = "$nothing"\n', "variables: border: invalid colour '$nothing'"),
        ("\x00\xff", "bad.toml: "),
    ],
)
def test_a_bad_theme_file_is_told_with_the_reason_and_the_others_are_loaded(tmp_path: Path, written, why):
    (tmp_path / "bad.toml").write_bytes(written.encode("latin-1"))
    (tmp_path / "good.toml").write_text(GOOD)
    loaded = themes.load_all(tmp_path)
    assert [theme.name for theme in loaded.themes] == ["mine"]
    (problem,) = loaded.problems
    assert problem.startswith("bad.toml: ")
    assert why in problem
    assert "\n" not in problem


def test_variables_may_be_colours_the_themes_own_and_text_styles(tmp_path: Path):
    written = '[variables]\nborder = "$primary 40%"\nscrollbar = "#abc"\nblock-cursor-text-style = "bold reverse"\n'
    (tmp_path / "good.toml").write_text(GOOD + written)
    assert themes.load(tmp_path / "good.toml").variables["border"] == "$primary 40%"


def test_a_theme_is_found_by_its_name_without_reading_the_others(tmp_path: Path):
    (tmp_path / "mine.toml").write_text(GOOD)
    (tmp_path / "broken.toml").write_text("?")
    found = themes.load_named("mine", themes.shipped_dir(), tmp_path)
    assert found is not None
    assert found.primary == "#ff0000"
    assert themes.load_named("broken", tmp_path) is None
    assert themes.load_named("nothing", tmp_path) is None


def test_heat_between_two_colours_begins_with_the_one_and_ends_with_the_other(tmp_path: Path):
    (tmp_path / "mine.toml").write_text(GOOD)
    heat = themes.heat_of(themes.load(tmp_path / "mine.toml"))
    assert (heat[0], heat[-1]) == ("#111111", "#EEEEEE")
    assert len(set(heat)) == themes.HEAT_STEPS
