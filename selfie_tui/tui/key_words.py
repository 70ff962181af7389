"""Keys in words: as a help page names them, as the hint line lists them, and the README's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.keys import format_key, key_to_character

from selfie_tui.tui.action import Action, Scope
from selfie_tui.tui.actions import by_scope, sections


def keys_of(action: Action, keymap: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The keys of an action as a help page writes them: `↑`, `k`, `esc`."""
    keys = (keymap or {}).get(action.id, action.keys)
    return tuple(_key_name(key.strip()) for key in keys.split(",") if key.strip())


def hints(
    scopes: Iterable[Scope], keymap: Mapping[str, str] | None = None, *, typing: bool = False
) -> list[tuple[str, str]]:
    """(keys, word) pairs for the hint line: what enter does first, actions with the same word as one pair.

    A key appears once, for the first scope that has it. With `typing`, keys that a text field inserts are left out.
    """
    used: set[str] = set()
    found: dict[str, str] = {}
    available = by_scope(*scopes)
    scopes_of_keys = {key: action.scope for action in reversed(available) for key in keys_of(action, keymap)}
    for action in sorted(available, key=lambda action: not action.keys.startswith("enter")):
        free = [
            key
            for key in keys_of(action, keymap)
            if key not in used
            and scopes_of_keys[key] == action.scope
            and not (typing and is_typed(action, key, keymap))
        ]
        if action.hint and free:
            used.add(free[0])
            found[action.hint] = _joined(found.get(action.hint, ""), free[0])
    return [(keys, word) for word, keys in found.items()]


def key_table() -> str:
    """All keys as Markdown, for the README."""
    lines: list[str] = []
    for scope, section in sections().items():
        if not by_scope(scope):
            continue
        lines += [f"**{section.heading}**", "", "| key | does | id |", "|---|---|---|"]
        for action in by_scope(scope):
            keys = " ".join(f"`{key}`" for key in keys_of(action))
            lines.append(f"| {keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_NAMES = {"enter": "enter", "backspace": "backspace", "delete": "delete"}
"""Keys whose symbols many terminal fonts lack."""


def _joined(first: str, second: str) -> str:
    """Two keys for one hint: `←→`; of keys with longer names the first."""
    return first + second if len(first) <= 1 and len(second) == 1 else first or second


def is_typed(action: Action, name: str, keymap: Mapping[str, str] | None) -> bool:
    """Whether a key of an action, by its name, is one that a text field inserts."""
    keys = (keymap or {}).get(action.id, action.keys).split(",")
    return any(_key_name(key.strip()) == name and (key_to_character(key.strip()) or "\n").isprintable() for key in keys)


def _key_name(key: str) -> str:
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, name if len(name) == 1 else _NAMES.get(name) or format_key(name).lower()])
