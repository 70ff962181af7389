"""The interpretation prompts that come with the program: those of the published tools, and two for its own model.

Placeholders are overwritten with the activation; see `records.Preset` for the form of a chat turn.
"""

from __future__ import annotations

from pathlib import Path

from selfie_tui.errors import RequestError
from selfie_tui.paths import user_presets_dir
from selfie_tui.preset_files import OwnPresets, read_presets
from selfie_tui.records import Preset

SELFIE = "SelfIE (arXiv 2403.10949)"
PATCHSCOPES = "Patchscopes (arXiv 2401.06102)"
NNSIGHT_SELFIE = "NNsight Selfie"

PRESETS: tuple[Preset, ...] = (
    Preset(
        "summarize",
        "[INST]_ _ _ _ _ [/INST] Sure, I will summarize the message:",
        source=SELFIE,
    ),
    Preset(
        "summarize-paragraph",
        "[INST]_ _ _ _ _ [/INST] Sure, I will summarize the message:\n\n",
        source=f"{SELFIE}; the answer begins in a new paragraph",
    ),
    Preset(
        "mentions",
        "[INST]_ _ _ _ _ [/INST] Sure, the message mentions:",
        source="selfie-tui, after SelfIE; the bundled model knows it",
    ),
    Preset(
        "materials",
        "[INST]_ _ _ _ _ [/INST] The materials mentioned in the message are:\n\n",
        source=SELFIE,
    ),
    Preset(
        "identity",
        "cat -> cat\n1135 -> 1135\nhello -> hello\n?",
        placeholder="?",
        source=f"{PATCHSCOPES}, next-token identity, §4.1",
    ),
    Preset(
        "identity-arrow",
        "cat -> cat\n1135 -> 1135\nhello -> hello\n? ->",
        placeholder="?",
        source=f"selfie-tui, after {PATCHSCOPES}: the identity prompt goes on behind an arrow of its own",
    ),
    Preset("bare", "?", placeholder="?", source=f"{PATCHSCOPES}, the identity prompt without its examples"),
    Preset(
        "entity",
        "Syria: Country in the Middle East, Leonardo DiCaprio: American actor, "
        "Samsung: South Korean multinational major appliance and consumer electronics corporation, x",
        placeholder="x",
        source=f"{PATCHSCOPES}, entity description, §4.3",
    ),
    Preset(
        "meaning",
        '[INST]What is the meaning of "_"?[/INST] The meaning of "_" is "',
        source="SelfIE adapters",
    ),
    Preset(
        "meaning-spaced",
        '[INST]What is the meaning of " _ "?[/INST] The meaning of " _ " is "',
        source="selfie-tui, after SelfIE adapters: no token has a quote and the placeholder together",
    ),
    Preset("repeat", "Repeat this word: _", source="selfie-tui"),
    Preset("concept", "This _ _ _ _ _ represents the concept of", source=NNSIGHT_SELFIE),
    Preset("sentiment", "This expresses the sentiment of _ _ _ _ _", source=NNSIGHT_SELFIE),
    Preset("refers-to", "This refers to the entity _ _ _ _ _", source=NNSIGHT_SELFIE),
)
"""All of them, the most used first; names are unique."""


RESERVED = (*(preset.name for preset in PRESETS), "custom")
"""Names that a preset of the user's own cannot have: the built-in ones, and that of a prompt without a name."""


def own_presets(folder: Path | None = None) -> OwnPresets:
    """The user's own presets, from their files in a folder, that of the configuration by default."""
    return read_presets(folder or user_presets_dir(), RESERVED)


def preset_named(name: str) -> Preset | None:
    """The built-in preset called `name`, or None."""
    return next((preset for preset in PRESETS if preset.name == name), None)


def preset_called(name: str) -> Preset:
    """The preset called `name`, a built-in one or the user's own.

    Raises RequestError, naming those there are and the files that cannot be used, if it is none of them.
    """
    preset = preset_named(name)
    if preset is not None:
        return preset
    own, problem = own_presets()
    preset = next((preset for preset in own if preset.name == name), None)
    if preset is None:
        names = ", ".join(known.name for known in (*PRESETS, *own))
        raise RequestError(
            f"Unknown preset “{name}”.", " ".join(part for part in (f"Use one of: {names}.", problem) if part)
        )
    return preset
