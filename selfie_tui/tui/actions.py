"""The registry of actions: the source of bindings, command palette, help pages, hints and the README's key table.

The frame's actions are in it from the start; a view registers its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingType

from selfie_tui.tui.action import Action, Scope, Section
from selfie_tui.tui.frame_actions import FRAME, FRAME_SECTIONS

_actions: dict[str, Action] = {}
_sections: dict[Scope, Section] = {}


def register(actions: Iterable[Action], sections: Mapping[Scope, Section] | None = None) -> None:
    """Add actions, and the sections of scopes that are new with them.

    To register the same twice changes nothing. Raises `ValueError` for another action under a known id, another section
    for a known scope, or an action whose scope has no section.
    """
    for scope, section in (sections or {}).items():
        if _sections.setdefault(scope, section) != section:
            raise ValueError(f"Scope {scope!r} is registered already, as {_sections[scope].heading!r}.")
    for action in actions:
        if action.scope not in _sections:
            raise ValueError(f"Action {action.id!r} is in scope {action.scope!r}, which has no section.")
        if _actions.setdefault(action.id, action) != action:
            raise ValueError(f"Action {action.id!r} is registered already, as {_actions[action.id].title!r}.")


register(FRAME, FRAME_SECTIONS)


def all_actions() -> tuple[Action, ...]:
    """Every registered action, in the order of registration."""
    return tuple(_actions.values())


def action_of(id: str) -> Action:
    """The action of that id; raises `KeyError` if none is registered."""
    return _actions[id]


def sections() -> dict[Scope, Section]:
    """Every scope's section, in the order of registration."""
    return dict(_sections)


def by_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of the scopes, scope by scope."""
    return tuple(action for scope in scopes for action in _actions.values() if action.scope == scope)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual bindings for the actions of the scopes, with the ids of the actions, so that a keymap applies to them."""
    return [
        Binding(action.keys, action.handler, action.title, id=action.id, show=False, priority=action.priority)
        for action in by_scope(*scopes)
    ]
