"""Theme files: the shipped ones and the user's, read from TOML into Textual themes, a bad one never fatal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

HEAT_STEPS = 8
"""The number of colours for a relevancy, one for each of `▁▂▃▄▅▆▇█`."""

OWN_COLOUR = re.compile(
    r"\$(primary|secondary|accent|foreground|background|surface|panel|success|warning|error)( \d+%)?"
)
TEXT_STYLES = frozenset({"bold", "dim", "italic", "none", "not", "reverse", "strike", "underline"})

DEFAULT = "dusk"
DEFAULT_ANSI = "ansi"


class ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A theme file's content; colours are `#rrggbb`, CSS names, or `ansi_red` and the like where `ansi` is true."""

    name: str
    primary: str
    foreground: str
    background: str
    heat: list[str]
    title: str = ""
    dark: bool = True
    ansi: bool = False
    secondary: str | None = None
    accent: str | None = None
    surface: str | None = None
    panel: str | None = None
    success: str | None = None
    warning: str | None = None
    error: str | None = None
    variables: dict[str, str] = msgspec.field(default_factory=dict)


class Loaded(NamedTuple):
    """Themes in the order of their names, and one line for each file that could not be used."""

    themes: tuple[Theme, ...]
    problems: tuple[str, ...]


class ThemeError(ValueError):
    """A theme file that cannot be used, and why."""


def shipped_dir() -> Path:
    """The themes that come with the program: inside the installed package, else at the root of the repository."""
    package = Path(__file__).parent
    installed = package / "themes_shipped"
    return installed if installed.is_dir() else package.parent / "themes"


def load(path: Path) -> Theme:
    """The theme in one file.

    Raises:
        ThemeError: the file cannot be read, is not TOML, misses a field, or names an unknown colour.
    """
    try:
        described = msgspec.toml.decode(path.read_bytes(), type=ThemeFile)
    except OSError as error:
        raise ThemeError(f"{path.name}: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ThemeError(f"{path.name}: {error}") from error
    try:
        return _theme(described)
    except (ColorParseError, ThemeError) as error:
        raise ThemeError(f"{path.name}: {str(error).splitlines()[0]}") from error


def load_all(*folders: Path) -> Loaded:
    """The themes of every `.toml` file in the folders; a later folder's theme replaces one of the same name."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = load(path)
            except ThemeError as error:
                problems.append(str(error))
            else:
                themes[theme.name] = theme
    return Loaded(tuple(themes.values()), tuple(problems))


def load_named(name: str, *folders: Path) -> Theme | None:
    """The theme that is in `<name>.toml` in the last of the folders that has it usable; cheap."""
    for folder in reversed(folders):
        try:
            theme = load(folder / f"{name}.toml")
        except ThemeError:
            continue  # reported by `load_all`, which reads every file after the first paint
        if theme.name == name:
            return theme
    return None


def heat_of(theme: Theme) -> tuple[str, ...]:
    """The colours of relevancy from 0 to 1; a theme without any goes from its text to its accent."""
    own = tuple(theme.variables.get(f"heat-{step}", "") for step in range(1, HEAT_STEPS + 1))
    if all(own):
        return own
    system = theme.to_color_system()
    foreground = system.foreground or Color.parse("white" if theme.dark else "black")
    background = system.background or Color.parse("black" if theme.dark else "white")
    return _spread([foreground.blend(background, 0.35), system.accent or system.primary])


def _theme(file: ThemeFile) -> Theme:
    if len(file.heat) < 2:
        raise ThemeError("heat: at least two colours")
    colours = {
        field: colour
        for field in (
            "primary",
            "secondary",
            "accent",
            "foreground",
            "background",
            "surface",
            "panel",
            "success",
            "warning",
            "error",
        )
        if (colour := getattr(file, field)) is not None
    }
    for field, colour in colours.items():
        _parsed(field, colour)
    heat = _spread([_parsed("heat", colour) for colour in file.heat])
    for name, value in file.variables.items():
        _check_variable(name, value)
    variables = {f"heat-{step}": colour for step, colour in enumerate(heat, 1)}
    return Theme(file.name, dark=file.dark, ansi=file.ansi, variables=variables | file.variables, **colours)


def _parsed(field: str, colour: str) -> Color:
    try:
        return Color.parse(colour)
    except ColorParseError as error:
        raise ThemeError(f"{field}: invalid colour {colour!r}") from error


def _check_variable(name: str, value: str) -> None:
    """A variable of Textual's is a colour, one of the theme's own as `$primary`, or for a `-style` words like bold."""
    if name.endswith("-style"):
        fits = all(word in TEXT_STYLES for word in value.split())
    else:
        fits = OWN_COLOUR.fullmatch(value) is not None
    if not fits:
        _parsed(f"variables: {name}", value)


def _spread(colours: list[Color]) -> tuple[str, ...]:
    """`HEAT_STEPS` colours along these; of a terminal's own colours the nearest, as they cannot be mixed."""
    positions = [step * (len(colours) - 1) / (HEAT_STEPS - 1) for step in range(HEAT_STEPS)]
    if any(colour.ansi is not None for colour in colours):
        return tuple(colours[round(position)].hex for position in positions)
    return tuple(_between(colours, position).hex for position in positions)


def _between(colours: list[Color], position: float) -> Color:
    left = min(int(position), len(colours) - 2)
    return colours[left].blend(colours[left + 1], position - left)
