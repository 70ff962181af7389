"""The one table of a run's settings: command line and settings pane are built from it.

A row is a field of `records.RunSettings`, or the interpretation prompt: how it is typed, written, stepped through, and
explained. The library's keywords and the README are compared with it by a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from selfie_tui.interpret_settings import Bounds, InterpretSettings, check_samples
from selfie_tui.kinds import MASK
from selfie_tui.modes import MODES
from selfie_tui.parse import parse_mode
from selfie_tui.records import RunSettings, layer_name
from selfie_tui.setting_values import (
    STOPS,
    along,
    counted,
    in_steps,
    parse_layer,
    parse_preset,
    parse_samples,
    parse_seed,
    parse_stop,
    parse_strength,
    parse_switch,
    parse_temperature,
    parse_tokens,
    step_layer,
    step_switch,
    stop_text,
    switch_text,
)

STRENGTH_STEP = 0.1
MOST_STRENGTH = 20.0
TEMPERATURE_STEP = 0.1
MOST_TEMPERATURE = 5.0
MOST_TOKENS = 512
MOST_SEED = 2**31 - 1
MOST_SAMPLES = 100
STOP_HELP = {
    "end": "until the model ends, or has written all tokens",
    "line": "until the end of a line",
    "sentence": "until . ; or the end of a line",
}


class Setting(NamedTuple):
    """One setting.

    `field` is its name in a request, `option` the command line's, whose `help` stands there too; a setting that is on
    or off has an option without a value, which turns it to other than its default. `parse(text, bounds)` reads a typed
    value and raises RequestError for what is none; `text(value)` writes one. `step(value, steps, bounds)` is the value
    so many steps further down its list, or so much smaller. In the pane the words `before` and `after` stand around
    the value, and `about(settings, bounds)` explains it.
    """

    field: str
    option: str
    help: str
    parse: Callable[[str, Bounds], Any]
    text: Callable[[Any], str]
    step: Callable[[Any, int, Bounds], Any]
    about: Callable[[InterpretSettings, Bounds], str]
    before: str = ""
    after: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """The value when the user sets none."""
        return getattr(InterpretSettings(), self.field)

    @property
    def is_switch(self) -> bool:
        """Whether the setting is on or off."""
        return isinstance(self.default, bool)

    def of(self, settings: RunSettings) -> Any:
        """The value in settings or in a request."""
        return getattr(settings, self.field)

    def written(self, settings: RunSettings) -> str:
        """The value in settings or in a request, as text."""
        return self.text(self.of(settings))

    def changed(self, settings: InterpretSettings, steps: int, bounds: Bounds) -> InterpretSettings:
        """The settings with this one so many steps further."""
        return msgspec.structs.replace(settings, **{self.field: self.step(self.of(settings), steps, bounds)})


def _about_preset(settings: InterpretSettings, bounds: Bounds) -> str:
    return settings.preset.source or "an interpretation prompt of your own: e edits it"


def _about_tokens(settings: InterpretSettings, bounds: Bounds) -> str:
    if bounds.kind != "encoder":
        return "tokens to generate at most"
    if MASK in settings.preset.text:
        return f"the text's own {MASK} are filled in, from left to right"
    return f"mask tokens to fill in, at the end; or write {MASK} into the text"


def _about_stop(settings: InterpretSettings, bounds: Bounds) -> str:
    return STOP_HELP.get(stop_text(settings.stop), "until one of these texts")


def _always(words: str) -> Callable[[InterpretSettings, Bounds], str]:
    return lambda settings, bounds: words


def _switch(field: str, option: str, before: str, help: str, about: str = "") -> Setting:
    """A setting that is on or off; `about` is what it does where the option turns it off."""
    return Setting(field, option, help, parse_switch, switch_text, step_switch, _always(about or help), before=before)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "preset",
        "--preset",
        "the interpretation prompt, by name",
        parse_preset,
        lambda preset: preset.name,
        lambda preset, steps, bounds: along(bounds.presets, preset, steps),
        _about_preset,
        metavar="NAME",
    ),
    Setting(
        "injection_layer",
        "--inject",
        "the layer that the vector is written to",
        parse_layer,
        layer_name,
        step_layer,
        _always("the layer that is written to"),
        before="at",
        metavar="LAYER",
    ),
    Setting(
        "mode",
        "--mode",
        "how the vector is written",
        lambda text, bounds: parse_mode(text),
        str,
        lambda mode, steps, bounds: along(tuple(MODES), mode, steps),
        lambda settings, bounds: MODES[settings.mode].formula,
        metavar="MODE",
        choices=tuple(MODES),
    ),
    Setting(
        "strength",
        "--strength",
        "the mode's strength s",
        parse_strength,
        lambda strength: f"{strength:g}",
        in_steps(STRENGTH_STEP, 0.0, MOST_STRENGTH),
        _always("the strength s of the injection"),
        before="×",
        metavar="S",
    ),
    Setting(
        "max_new_tokens",
        "--max-new-tokens",
        "tokens to generate at most",
        parse_tokens,
        str,
        counted(1, MOST_TOKENS),
        _about_tokens,
        after="tokens",
        metavar="N",
    ),
    Setting(
        "stop",
        "--stop",
        "where a text is cut: end, line, sentence, or a text of your own",
        parse_stop,
        stop_text,
        lambda stop, steps, bounds: along(tuple(STOPS.values()), stop, steps),
        _about_stop,
        before="to",
        metavar="WHERE",
    ),
    _switch(
        "random_control",
        "--random-control",
        "random",
        "also decode a random direction of each cell's norm",
        "also decode a random direction for each cell",
    ),
    Setting(
        "temperature",
        "--temperature",
        "sample at this temperature; 0 is greedy",
        parse_temperature,
        lambda temperature: f"{temperature:g}",
        in_steps(TEMPERATURE_STEP, 0.0, MOST_TEMPERATURE),
        _always("sample at this temperature; 0 is greedy"),
        before="temp",
        metavar="T",
    ),
    Setting(
        "seed",
        "--seed",
        "seed of sampling and of random directions",
        parse_seed,
        str,
        counted(0, MOST_SEED),
        _always("the seed of sampling and of random directions"),
        before="seed",
        metavar="N",
    ),
    Setting(
        "samples",
        "--samples",
        "texts to sample for each cell, to see how many agree; needs a temperature above 0",
        parse_samples,
        str,
        counted(1, MOST_SAMPLES),
        _always("texts to sample for each cell, at a temperature above 0: how many agree is the confidence"),
        before="samples",
        metavar="N",
    ),
    _switch(
        "relevancy",
        "--no-relevancy",
        "relevancy",
        "leave relevancy out (faster)",
        "compare each token with the same text without injection",
    ),
    _switch(
        "baselines",
        "--no-baselines",
        "baselines",
        "leave out what the lens and the token's bare embedding say",
        "what the lens and the token's bare embedding say, beside each text",
    ),
    _switch(
        "system",
        "--no-system",
        "system",
        "leave out the chat template's own system text",
        "the system text that the chat template itself writes",
    ),
    _switch(
        "compat",
        "--compat",
        "compat",
        "overwrite the positions that published code does",
        "overwrite the positions that SelfIE's published code does",
    ),
)
"""All of them, in the order of the pane."""


def parse_settings(texts: dict[str, str | None], bounds: Bounds) -> InterpretSettings:
    """Settings from typed values by field, where None is the default; raises RequestError for the first invalid one."""
    typed = {setting: text for setting in SETTINGS if (text := texts.get(setting.field)) is not None}
    values = {setting.field: setting.parse(text, bounds) for setting, text in typed.items()}
    settings = InterpretSettings(**values)
    check_samples(settings)
    return settings


def differences(settings: RunSettings) -> tuple[str, ...]:
    """The settings other than preset, layer, mode and strength that are not at their default, in words."""
    shown = ("preset", "injection_layer", "mode", "strength", "max_new_tokens")
    return tuple(
        " ".join(part for part in (setting.before, setting.written(settings), setting.after) if part)
        for setting in SETTINGS
        if setting.field not in shown and setting.of(settings) != setting.default
    )


def settings_table() -> str:
    """All settings as Markdown, for the README."""
    lines = ["| setting | on the command line | default | |", "|---|---|---|---|"]
    for setting in SETTINGS:
        option = " ".join(part for part in (setting.option, setting.metavar) if part)
        lines.append(f"| `{setting.field}` | `{option}` | {setting.text(setting.default)} | {setting.help} |")
    return "\n".join(lines) + "\n"
