"""The one table of a run's settings: command line and settings pane are built from it.

A row is a field of `records.RunSettings`, or the interpretation prompt: how it is typed, written, stepped through, and
explained. The library's keywords and the README are compared with it by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from selfie_tui.errors import RequestError
from selfie_tui.kinds import MASK, masks_filled
from selfie_tui.modes import MODES
from selfie_tui.parse import parse_integer, parse_layers, parse_mode, parse_number
from selfie_tui.presets import PRESETS, preset_called
from selfie_tui.records import EMBED, Cell, Preset, Request, RunSettings, layer_name

CUSTOM = "custom"
"""The name of an interpretation prompt of the user's own."""

ANY_LAYERS = 100_000
"""The number of layers that a layer is checked against while no model is known."""

STRENGTH_STEP = 0.1
MOST_STRENGTH = 20.0
TEMPERATURE_STEP = 0.1
MOST_TEMPERATURE = 5.0
MOST_TOKENS = 512
MOST_SEED = 2**31 - 1
MOST_SAMPLES = 100
STOPS: dict[str, tuple[str, ...]] = {"end": (), "line": ("\n",), "sentence": (".", ";", "\n")}
"""Names for where a text is cut: where the model itself ends, after a line, after a sentence."""

STOP_HELP = {
    "end": "until the model ends, or has written all tokens",
    "line": "until the end of a line",
    "sentence": "until . ; or the end of a line",
}


class InterpretSettings(RunSettings, frozen=True):
    """Everything about a run but its prompt and its cells."""

    preset: Preset = PRESETS[0]

    def request(self, prompt: str, cells: tuple[Cell, ...], stack: str = "") -> Request:
        """The run that asks this of these cells of a stack."""
        return Request(prompt=prompt, cells=cells, stack=stack, **msgspec.structs.asdict(self))

    def fills(self, kind: str) -> str:
        """What an encoder does with the interpretation prompt: `fills 12 masks`; nothing for other kinds of model."""
        if kind != "encoder":
            return ""
        count = masks_filled(self.preset.text, self.max_new_tokens)
        return f"fills {count} mask{'' if count == 1 else 's'}"


class Bounds(NamedTuple):
    """What can be chosen: the presets, and the model's number of blocks; and the kind of model that is asked."""

    presets: tuple[Preset, ...] = PRESETS
    blocks: int = 0
    kind: str = "decoder"


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


def parse_preset(text: str, bounds: Bounds) -> Preset:
    """A preset by its name."""
    return next((preset for preset in bounds.presets if preset.name == text), None) or preset_called(text)


def parse_layer(text: str, bounds: Bounds) -> int:
    """One layer of a model, or of one whose layers are not known yet where `bounds.blocks` is 0."""
    layers = parse_layers(text, bounds.blocks or ANY_LAYERS)
    if len(layers) != 1:
        raise RequestError("The injection layer must be one layer.", "Write embed or a number.")
    return layers[0]


def parse_strength(text: str, bounds: Bounds) -> float:
    """A finite number."""
    return parse_number(text, "strength")


def parse_temperature(text: str, bounds: Bounds) -> float:
    """A finite number that is not negative."""
    return parse_number(text, "temperature", least=0.0)


def parse_tokens(text: str, bounds: Bounds) -> int:
    """A number of tokens, at least one."""
    return parse_integer(text, "number of tokens", least=1)


def parse_seed(text: str, bounds: Bounds) -> int:
    """A seed, 0 or more."""
    return parse_integer(text, "seed", least=0)


def parse_samples(text: str, bounds: Bounds) -> int:
    """A number of texts for each cell, at least one."""
    return parse_integer(text, "number of samples", least=1)


def parse_stop(text: str, bounds: Bounds) -> tuple[str, ...]:
    """A named place to stop, or a text before which the answer ends; a backslash and n stand for a line's end."""
    if not text:
        raise RequestError("The text to stop at is empty.", f"Use a text, or one of: {', '.join(STOPS)}.")
    return STOPS[text] if text in STOPS else (text.replace("\\n", "\n"),)


def parse_switch(text: str, bounds: Bounds) -> bool:
    """`on` or `off`."""
    if text not in ("on", "off"):
        raise RequestError(f"Invalid value “{text}”.", "Use on or off.")
    return text == "on"


def stop_text(stop: tuple[str, ...]) -> str:
    """The name of a place to stop, or the texts themselves."""
    named = next((name for name, known in STOPS.items() if known == stop), None)
    return named or " ".join(text.replace("\n", "\\n") for text in stop)


def switch_text(on: bool) -> str:
    """`on` or `off`."""
    return "on" if on else "off"


def _along(values: Sequence[Any], value: object, steps: int) -> Any:
    """The value so many steps after `value`, stopping at the ends."""
    index = values.index(value) if value in values else 0
    return values[max(0, min(index + steps, len(values) - 1))]


def _step_layer(layer: int, steps: int, bounds: Bounds) -> int:
    return max(EMBED, min(layer + steps, bounds.blocks - 1))


def _step_switch(on: bool, steps: int, bounds: Bounds) -> bool:
    return steps > 0 if abs(steps) > 1 else not on


def _by(size: float, low: float, high: float) -> Callable[[float, int, Bounds], float]:
    """Steps of a number: down the list is smaller."""
    return lambda value, steps, bounds: max(low, min(round(value - steps * size, 6), high))


def _count(low: int, high: int) -> Callable[[int, int, Bounds], int]:
    return lambda value, steps, bounds: max(low, min(value - steps, high))


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
    return Setting(field, option, help, parse_switch, switch_text, _step_switch, _always(about or help), before=before)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "preset",
        "--preset",
        "the interpretation prompt, by name",
        parse_preset,
        lambda preset: preset.name,
        lambda preset, steps, bounds: _along(bounds.presets, preset, steps),
        _about_preset,
        metavar="NAME",
    ),
    Setting(
        "injection_layer",
        "--inject",
        "the layer that the vector is written to",
        parse_layer,
        layer_name,
        _step_layer,
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
        lambda mode, steps, bounds: _along(tuple(MODES), mode, steps),
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
        _by(STRENGTH_STEP, 0.0, MOST_STRENGTH),
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
        _count(1, MOST_TOKENS),
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
        lambda stop, steps, bounds: _along(tuple(STOPS.values()), stop, steps),
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
        _by(TEMPERATURE_STEP, 0.0, MOST_TEMPERATURE),
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
        _count(0, MOST_SEED),
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
        _count(1, MOST_SAMPLES),
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


def check_samples(settings: RunSettings) -> None:
    """Refuse samples that could not differ; raises RequestError."""
    if settings.samples < 1:
        raise RequestError("No text would be sampled.", "Ask for at least one.")
    if settings.samples > 1 and not settings.temperature:
        raise RequestError(
            f"At temperature 0 all {settings.samples} samples would be the same text.",
            "Set a temperature such as 0.7, or one sample.",
        )


def differences(settings: RunSettings) -> tuple[str, ...]:
    """The settings other than preset, layer, mode and strength that are not at their default, in words."""
    shown = ("preset", "injection_layer", "mode", "strength", "max_new_tokens")
    return tuple(
        " ".join(part for part in (setting.before, setting.written(settings), setting.after) if part)
        for setting in SETTINGS
        if setting.field not in shown and setting.of(settings) != setting.default
    )


def settings_of(request: Request, bounds: Bounds) -> InterpretSettings:
    """The settings that a request was made with, its injection layer inside the model's where that is known."""
    values = {field: getattr(request, field) for field in InterpretSettings.__struct_fields__}
    if bounds.blocks:
        values["injection_layer"] = min(request.injection_layer, bounds.blocks - 1)
    return InterpretSettings(**values)


def settings_table() -> str:
    """All settings as Markdown, for the README."""
    lines = ["| setting | on the command line | default | |", "|---|---|---|---|"]
    for setting in SETTINGS:
        option = " ".join(part for part in (setting.option, setting.metavar) if part)
        lines.append(f"| `{setting.field}` | `{option}` | {setting.text(setting.default)} | {setting.help} |")
    return "\n".join(lines) + "\n"
