"""A user's keymap: keys by the ids of actions, ids of earlier versions included, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

from selfie_tui.tui.actions import all_actions

_RENAMED_SCOPES = {"ask": "settings"}
_RENAMED = {"pane.ask": "pane.settings"}


def known_ids() -> frozenset[str]:
    """The ids of all actions, those of views included."""
    return frozenset(action.id for action in all_actions())


def current_id(id: str) -> str:
    """The id of an action, from that id or from an earlier one that keymaps may still use."""
    scope, dot, name = id.partition(".")
    return _RENAMED.get(id) or _RENAMED_SCOPES.get(scope, scope) + dot + name


def usable_keymap(keymap: Mapping[str, str]) -> dict[str, str]:
    """The entries of a user's keymap that can be used, by their current ids, which win over earlier ones."""
    known = known_ids()
    entries = sorted(keymap.items(), key=lambda entry: current_id(entry[0]) == entry[0])
    return {current_id(id): keys for id, keys in entries if current_id(id) in known and keys.strip()}


def problems_of_keymap(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a user's keymap, one line each: an unknown action, or one without a key."""
    known = known_ids()
    unknown = [
        f"keymap: unknown action “{id}”; the README's key table has every id"
        for id in keymap
        if current_id(id) not in known
    ]
    empty = [
        f"keymap: “{id}” has no key" for id, keys in keymap.items() if current_id(id) in known and not keys.strip()
    ]
    return unknown + empty
