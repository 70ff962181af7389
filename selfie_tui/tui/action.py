"""An action: one thing a user can do, and the section of the help page that it stands in."""

from __future__ import annotations

from typing import NamedTuple

Scope = str
"""The name of a group of actions that work in the same widgets, such as `tokens`."""


class Action(NamedTuple):
    """One thing a user can do.

    `keys` are its default keys, separated by commas; `handler` is the Textual action that carries it out on a widget of
    its scope. `hint` is its word in the hint line ("" leaves it out). `palette` lists more words by which the command
    palette finds it ("" leaves it out). A `priority` key works before the focused widget sees it.
    """

    id: str
    title: str
    help: str
    keys: str
    scope: Scope
    handler: str
    hint: str = ""
    palette: str = ""
    priority: bool = False


class Section(NamedTuple):
    """A scope in help pages and in the key table: its heading, and paragraphs on how to read what its keys work on."""

    heading: str
    paragraphs: tuple[str, ...] = ()


def view_action(name: str, title: str, letter: str, function_key: str) -> Action:
    """The action that shows a view: `letter` works outside text fields, `function_key` inside them too."""
    help = f"show the view {title}"
    return Action(f"view.{name}", title, help, f"{letter},{function_key}", "views", f"view('{name}')", palette="view")
