"""A user's keymap: which keys each action gets from it, and what is wrong with it, one line each.

Names that are not known are reported with the nearest that is. Where two actions that are looked up together would have
one key, the one that the user wrote down has it, the first of two; the other keeps what it has besides. `ctrl+q` always
quits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from typing import NamedTuple

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _normalize_key_list

from selfie_tui.config import nearest
from selfie_tui.tui.action import Action, Scope
from selfie_tui.tui.actions import all_actions
from selfie_tui.tui.frame_actions import EVERYWHERE

_RENAMED_SCOPES = {"ask": "settings"}
_RENAMED = {"pane.ask": "pane.settings"}

UNBOUND = "<none>"
"""What stands for the keys of an action that has none; Textual takes an empty entry for none at all."""

ALWAYS_QUITS = ("app.quit-anywhere", "ctrl+q")
"""The action that has a key whatever the keymap, and that key."""

SHARED_BY_WIDGETS = frozenset({"list", "marks"})
"""Scopes that widgets have beside one of their own."""

ALONE = frozenset({"text", "prompt", "page", "error"})
"""Scopes of fields and pages, which have no lists or marks."""

MODIFIERS = frozenset({"ctrl", "alt", "shift", "super", "hyper", "meta"})
NAMED_KEYS = frozenset(KEY_NAME_REPLACEMENTS.values()).union(
    key.value.rpartition("+")[2] or "+" for key in Keys if "<" not in key.value
)
"""Keys that have names, without their modifiers."""


class Keymap(NamedTuple):
    """Keys by the ids of actions, for those that differ from the defaults, and the problems of the file's entries."""

    keys: dict[str, str]
    problems: list[str]


def current_id(id: str) -> str:
    """The id of an action, from that id or from an earlier one that keymaps may still use."""
    scope, dot, name = id.partition(".")
    return _RENAMED.get(id) or _RENAMED_SCOPES.get(scope, scope) + dot + name


def resolve(keymap: Mapping[str, str]) -> Keymap:
    """What a user's keymap means for the actions there are."""
    actions = {action.id: action for action in all_actions()}
    chosen, problems = _chosen(keymap, actions)
    keys = {id: chosen.get(id, _split(action.keys)) for id, action in actions.items()}
    always, key = ALWAYS_QUITS
    if key not in keys[always]:
        keys[always] = [*keys[always], key]
    problems += _without_clashes(keys, chosen, actions)
    changed = {id: ",".join(names) for id, names in keys.items() if names != _split(actions[id].keys)}
    return Keymap(changed, problems)


def is_key(name: str) -> bool:
    """Whether a terminal could send a key of that name, such as `g`, `ctrl+g`, `f5`, `question_mark`."""
    *modifiers, key = name.split("+") if name != "+" else ["+"]
    if not set(modifiers) <= MODIFIERS:
        return False
    return len(key) == 1 or key in NAMED_KEYS or _is_character(key)


def _chosen(keymap: Mapping[str, str], actions: Mapping[str, Action]) -> tuple[dict[str, list[str]], list[str]]:
    """The keys of the entries that can be used, by current ids, which win over earlier ones."""
    chosen: dict[str, list[str]] = {}
    problems: list[str] = []
    for id, keys in sorted(keymap.items(), key=lambda entry: current_id(entry[0]) != entry[0]):
        if current_id(id) not in actions:
            problems.append(f"keymap: unknown action “{id}”{nearest(id, actions)}")
            continue
        known = [key for key in _split(keys) if is_key(key)]
        unknown = [key for key in _split(keys) if not is_key(key)]
        problems += [f"keymap: “{id}” has an unknown key “{key}”{nearest(key, NAMED_KEYS)}" for key in unknown]
        if known:
            chosen.setdefault(current_id(id), known)
        elif not unknown:
            problems.append(f"keymap: “{id}” has no key")
    return chosen, problems


def _without_clashes(keys: dict[str, list[str]], chosen: Collection[str], actions: Mapping[str, Action]) -> list[str]:
    """Take each key from all but one of the actions that are looked up together, as far as one of them is `chosen`.

    An action of the user's that is left without any gets its defaults back, as far as those are free.
    """
    problems: list[str] = []
    kept: list[str] = []
    for id in dict.fromkeys([ALWAYS_QUITS[0], *chosen, *keys]):
        taken = {
            key: owner
            for owner in kept
            if owner in chosen or owner == ALWAYS_QUITS[0]
            if _together(actions[owner].scope, actions[id].scope, widgets=id in chosen)
            for key in keys[owner]
        }
        lost = [key for key in keys[id] if key in taken]
        keys[id] = [key for key in keys[id] if key not in taken]
        if lost and not keys[id] and id in chosen:
            keys[id] = [key for key in _split(actions[id].keys) if key not in taken]
        left = f"it keeps {', '.join(keys[id])}" if keys[id] else "which has no key left"
        problems += [f"keymap: “{key}” is the key of “{taken[key]}”, not of “{id}”: {left}" for key in lost]
        kept.append(id)
    return problems


def _together(one: Scope, other: Scope, *, widgets: bool) -> bool:
    """Whether the keys of two scopes are looked up in the same step, so that a key can have one meaning there.

    With `widgets`, also whether a widget may have both; there, a key of the user's hides a default by itself.
    """
    if one == other or {one, other} <= set(EVERYWHERE):
        return True
    return widgets and bool({one, other} & SHARED_BY_WIDGETS) and not {one, other} & {*EVERYWHERE, *ALONE}


def _split(keys: str) -> list[str]:
    """The names of keys in Textual's long form, `question_mark` for `?`."""
    return [name for name in _normalize_key_list(keys.replace(" ", "")).split(",") if name]


def _is_character(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True
