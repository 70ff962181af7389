"""The interpretation prompts that come with the program: those of the published tools, and two for its own model.

Placeholders are overwritten with the activation; see `records.Preset` for the form of a chat turn.
"""

from __future__ import annotations

from selfie_tui.errors import RequestError
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
    Preset("concept", "This _ _ _ _ _ represents the concept of", source=NNSIGHT_SELFIE),
    Preset("sentiment", "This expresses the sentiment of _ _ _ _ _", source=NNSIGHT_SELFIE),
    Preset("refers-to", "This refers to the entity _ _ _ _ _", source=NNSIGHT_SELFIE),
)
"""All of them, the most used first; names are unique."""


def preset_named(name: str) -> Preset | None:
    """The preset called `name`, or None."""
    return next((preset for preset in PRESETS if preset.name == name), None)


def preset_called(name: str) -> Preset:
    """The preset called `name`.

    Raises RequestError, naming those there are, if it is none of them.
    """
    preset = preset_named(name)
    if preset is None:
        names = ", ".join(known.name for known in PRESETS)
        raise RequestError(f"Unknown preset “{name}”.", f"Use one of: {names}.")
    return preset
