"""Actions, one row each: the source of bindings, command palette, help pages, hints and the README's key table.

The frame's actions are below; a view registers its own. Whatever asks the registry sees both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from textual.binding import Binding, BindingType
from textual.keys import format_key, key_to_character

Scope = str
"""The name of a group of actions that work in the same widgets, such as `tokens`."""

EVERYWHERE: tuple[Scope, ...] = ("main", "views", "app")
"""The scopes whose keys work on the main screen whatever has the focus, as far as it does not type them."""


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


# fmt: off
FRAME: tuple[Action, ...] = (
    Action("app.help", "Help", "how to read the focused pane, and its keys", "?,f1", "app", "help", hint="help",
           palette="keys manual"),
    Action("app.palette", "Command palette", "every action, preset, theme and model by name", "ctrl+p", "app",
           "palette", hint="commands"),
    Action("app.theme", "Next theme", "the next of the themes; the palette has them by name", "ctrl+t", "app",
           "next_theme", palette="colours"),
    Action("app.repaint", "Redraw", "redraw the screen, when something wrote over it", "ctrl+l", "app", "repaint",
           palette="repaint refresh"),
    Action("app.suspend", "Suspend", "back to the shell; `fg` returns", "ctrl+z", "app", "suspend_process"),
    Action("app.quit", "Quit", "leave the program (not in text fields)", "q", "app", "quit", hint="quit",
           palette="exit leave"),
    Action("app.quit-anywhere", "Quit, anywhere", "leave the program, from anywhere", "ctrl+q", "app", "quit",
           hint="quit", priority=True),
    Action("app.interrupt", "Quit, twice", "pressed twice, leave the program", "ctrl+c", "app", "interrupt"),
    Action("run.start", "Interpret", "interpret the marked tokens at the marked layers", "enter,ctrl+r", "main",
           "interpret", hint="interpret", palette="run read"),
    Action("stack.next", "Other stack", "switch between a model's encoder and its decoder", "s,alt+s", "main",
           "next_stack", palette="encoder decoder"),
    Action("pair.toggle", "Pair", "keep the prompt as A, to compare the next one with it; on A, let it go", "p", "main",
           "pair", palette="source target difference compare"),
    Action("edit.prompt", "Edit the prompt", "edit the prompt's text", "i", "main", "edit_prompt", hint="edit",
           palette="text source"),
    Action("edit.preset", "Edit the interpretation prompt", "write an interpretation prompt", "e", "main",
           "edit_preset", palette="preset template"),
    Action("preset.save", "Save the interpretation prompt", "keep the interpretation prompt under a name", "w", "main",
           "save_preset", palette="preset save as own write"),
    Action("edit.editor", "Edit in $EDITOR", "edit the prompt in $EDITOR; in the settings, the interpretation prompt",
           "E,alt+e", "main", "edit_in_editor", palette="external editor visual vim nano text"),
    Action("edit.model", "Open a model by name", "type a hub id, a folder or a GGUF file", "o", "main", "edit_model",
           palette="load hub folder"),
    Action("model.about", "About the model", "the loaded model, and the checks of its hooks in full", "m", "main",
           "about_model", palette="verdict verified checks"),
    Action("search.find", "Search", "search the interpretations", "/", "main", "search", hint="search", palette="find"),
    Action("search.next", "Next match", "to the next match", "n", "main", "find(1)", palette="search"),
    Action("search.previous", "Previous match", "to the previous match", "N", "main", "find(-1)", palette="search"),
    Action("copy.here", "Copy", "copy what the cursor is on", "y", "main", "copy", hint="copy",
           palette="clipboard yank"),
    Action("copy.all", "Copy all", "copy everything in the pane", "Y", "main", "copy_all", palette="clipboard yank"),
    Action("export", "Export", "write the run under the cursor to a file; its ending is the format", "x", "main",
           "export", hint="export", palette="save write csv json markdown parquet script"),
    Action("pane.model", "Model", "go to the models", "1,alt+1", "main", "pane(1)", palette="pane"),
    Action("pane.prompt", "Prompt", "go to the prompt's tokens", "2,alt+2", "main", "pane(2)", palette="pane tokens"),
    Action("pane.settings", "Settings", "go to the settings", "3,alt+3", "main", "pane(3)",
           palette="pane preset mode strength"),
    Action("pane.layers", "Layers", "go to the layers", "4,alt+4", "main", "pane(4)", palette="pane lens"),
    Action("pane.log", "Interpretations", "go to the interpretations", "5,alt+5", "main", "pane(5)",
           palette="pane log results"),
    Action("pane.next", "Next pane", "go to the next pane", "tab", "main", "next_pane(1)", hint="pane"),
    Action("pane.previous", "Previous pane", "go to the previous pane", "shift+tab", "main", "next_pane(-1)"),
    Action("pane.zoom", "Maximise", "give the pane the whole screen, or restore it", "z", "main", "zoom", hint="zoom",
           palette="zoom restore"),
    Action("back", "Back", "one level out: restore, end the search, leave the text, cancel the job", "escape", "main",
           "back"),
    Action("list.up", "Up", "one line up", "up,k", "list", "move(-1)"),
    Action("list.down", "Down", "one line down", "down,j", "list", "move(1)"),
    Action("list.page-up", "Half a page up", "half a page up", "ctrl+u,pageup", "list", "page(-1)"),
    Action("list.page-down", "Half a page down", "half a page down", "ctrl+d,pagedown", "list", "page(1)"),
    Action("list.first", "First", "to the first line", "g,home", "list", "first"),
    Action("list.last", "Last", "to the last line; the interpretations then follow new ones", "G,end", "list", "last"),
    Action("mark.toggle", "Mark", "mark or unmark; without marks the cell under the cursor is interpreted", "space",
           "marks", "mark", hint="mark"),
    Action("mark.all", "Mark all or none", "mark all; when all are marked, none", "a", "marks", "mark_all", hint="all"),
    Action("tokens.left", "Previous token", "move the token cursor left", "left,h", "tokens", "step(-1)", hint="token"),
    Action("tokens.right", "Next token", "move the token cursor right", "right,l", "tokens", "step(1)", hint="token"),
    Action("tokens.up", "Line above", "move up a line of tokens", "k", "tokens", "line(-1)"),
    Action("tokens.up-or-text", "Line above, or the text", "move up a line of tokens, from the first one to the text",
           "up", "tokens", "up"),
    Action("tokens.down", "Line below", "move down a line of tokens", "down,j", "tokens", "line(1)"),
    Action("layers.left", "Previous token", "move the token cursor left; the lens follows", "left,h", "layers",
           "token(-1)", hint="token"),
    Action("layers.right", "Next token", "move the token cursor right; the lens follows", "right,l", "layers",
           "token(1)", hint="token"),
    Action("map.left", "Column on the left", "to the column on the left", "left,h", "map", "step(0, -1)", hint="cell"),
    Action("map.right", "Column on the right", "to the column on the right", "right,l", "map", "step(0, 1)",
           hint="cell"),
    Action("map.up", "Row above", "to the row above", "up,k", "map", "step(-1, 0)"),
    Action("map.down", "Row below", "to the row below", "down,j", "map", "step(1, 0)"),
    Action("map.first-row", "First row", "to the first row", "g", "map", "edge('row', -1)"),
    Action("map.last-row", "Last row", "to the last row", "G", "map", "edge('row', 1)"),
    Action("map.first-column", "First column", "to the first column", "home", "map", "edge('column', -1)"),
    Action("map.last-column", "Last column", "to the last column", "end", "map", "edge('column', 1)"),
    Action("map.page-up", "Half a window up", "half a window up", "ctrl+u,pageup", "map", "page(-1)"),
    Action("map.page-down", "Half a window down", "half a window down", "ctrl+d,pagedown", "map", "page(1)"),
    Action("map.colour", "Next measure", "colour the map by its next measure", "c", "map", "want('measure')",
           hint="colour", palette="colour measure heat"),
    Action("map.larger", "Larger cells", "larger cells, and fewer of them", "+", "map", "resize(1)", hint="size",
           palette="size zoom"),
    Action("map.smaller", "Smaller cells", "smaller cells, down to all of the map at once", "-", "map", "resize(-1)",
           hint="size", palette="size fit pool"),
    Action("map.filter", "Only matches", "dim what the search does not find, or nothing", "f", "map", "filter",
           palette="filter search"),
    Action("cells.mark", "Mark", "mark or unmark the cell; without marks the cell under the cursor is interpreted",
           "space", "cells", "mark", hint="mark"),
    Action("cells.mark-all", "Mark all in sight", "mark all cells in sight; when all are marked, none", "a", "cells",
           "mark_all"),
    Action("cells.mark-column", "Mark the column", "mark the token at all layers, or unmark it", "|", "cells",
           "mark_column"),
    Action("cells.mark-row", "Mark the row", "mark the layer at all tokens, or unmark it", "_", "cells", "mark_row"),
    Action("cells.track", "Track a token", "ask for a token, and colour the map by it", "t", "cells", "want('track')",
           hint="track", palette="token probability rank"),
    Action("settings.left", "Previous setting", "go to the setting on the left", "left,h", "settings", "step(-1)",
           hint="setting"),
    Action("settings.right", "Next setting", "go to the setting on the right", "right,l", "settings", "step(1)",
           hint="setting"),
    Action("settings.up", "Value above", "the larger number, or the choice above", "up,k,+", "settings", "change(-1)",
           hint="value"),
    Action("settings.down", "Value below", "the smaller number, or the choice below", "down,j,-", "settings",
           "change(1)", hint="value"),
    Action("settings.page-up", "Ten values up", "ten steps up", "pageup,ctrl+u", "settings", "change(-10)"),
    Action("settings.page-down", "Ten values down", "ten steps down", "pagedown,ctrl+d", "settings", "change(10)"),
    Action("settings.first", "First value", "the first or largest value", "g,home", "settings", "change(-1000000)"),
    Action("settings.last", "Last value", "the last or smallest value", "G,end", "settings", "change(1000000)"),
    Action("settings.calibrate", "Calibrate", "where and how this preset reads on this model: find out, see, use it",
           "c", "settings", "calibrate", hint="calibrate", palette="read-back injection layer mode fit"),
    Action("calibration.use", "Use", "use the setting that reads most words back", "enter,c", "calibration", "use",
           hint="use it"),
    Action("calibration.anew", "Anew", "try all settings again", "r", "calibration", "anew", hint="anew"),
    Action("models.load", "Load", "load the model under the cursor, or switch to the next value", "enter", "models",
           "choose", hint="load"),
    Action("models.left", "Previous value", "the previous device or precision", "left,h", "models", "change(-1)"),
    Action("models.right", "Next value", "the next device or precision", "right,l", "models", "change(1)"),
    Action("text.submit", "Done", "accept the text", "enter", "text", "screen.submit", hint="done"),
    Action("text.left", "Left", "a character to the left", "left", "text", "cursor_left"),
    Action("text.right", "Right", "a character to the right", "right", "text", "cursor_right"),
    Action("text.word-left", "Word left", "a word to the left", "ctrl+left,alt+b", "text", "cursor_left_word"),
    Action("text.word-right", "Word right", "a word to the right", "ctrl+right,alt+f", "text", "cursor_right_word"),
    Action("text.home", "Start", "to the start", "home,ctrl+a", "text", "home"),
    Action("text.end", "End", "to the end", "end,ctrl+e", "text", "end"),
    Action("text.backspace", "Delete left", "delete the character on the left", "backspace", "text", "delete_left"),
    Action("text.delete", "Delete right", "delete the character under the cursor", "delete,ctrl+d", "text",
           "delete_right"),
    Action("text.delete-word", "Delete word", "delete the word on the left", "ctrl+w,alt+backspace", "text",
           "delete_left_word"),
    Action("text.delete-start", "Delete to start", "delete everything on the left", "ctrl+u", "text",
           "delete_left_all"),
    Action("text.delete-end", "Delete to end", "delete everything on the right", "ctrl+k", "text", "delete_right_all"),
    Action("text.select-left", "Select left", "extend the selection to the left", "shift+left", "text",
           "cursor_left(True)"),
    Action("text.select-right", "Select right", "extend the selection to the right", "shift+right", "text",
           "cursor_right(True)"),
    Action("text.select-home", "Select to start", "extend the selection to the start", "shift+home", "text",
           "home(True)"),
    Action("text.select-end", "Select to end", "extend the selection to the end", "shift+end", "text", "end(True)"),
    Action("prompt.run", "Interpret", "interpret the marked cells, and go to the tokens", "enter", "prompt",
           "screen.run_prompt", hint="interpret"),
    Action("prompt.up", "Line above", "a line of the text up", "up", "prompt", "line(-1)"),
    Action("prompt.down", "To the tokens", "a line of the text down, from the last one to its tokens", "down", "prompt",
           "line(1)", hint="tokens"),
    Action("prompt.newline", "New line", "insert a line break into the prompt", "ctrl+j", "prompt", "newline"),
    Action("page.close", "Close", "close this page", "escape,q", "page", "close", hint="close"),
    Action("page.copy", "Copy", "copy this page as text; on an error, its traceback", "y", "page", "copy", hint="copy"),
    Action("error.close", "Close", "close the error", "enter", "error", "close"),
)
# fmt: on
"""The actions of the frame, which every view shares."""

FRAME_SECTIONS: dict[Scope, Section] = {
    "app": Section("Everywhere"),
    "main": Section("On the main screen, outside text fields"),
    "views": Section("Views"),
    "list": Section("In every list"),
    "marks": Section("Marking tokens and layers"),
    "tokens": Section("Prompt: the tokens"),
    "layers": Section("Layers"),
    "map": Section("Maps"),
    "cells": Section("Maps of layers and tokens"),
    "settings": Section("Settings"),
    "calibration": Section("Calibration"),
    "models": Section("Model"),
    "text": Section("In text fields"),
    "prompt": Section("Prompt: the text"),
    "page": Section("In help, details and errors"),
    "error": Section("An error"),
}

GO = Action("go", "Go to", "go to a token, layer, view, model, preset or action", ":", "views", "go_to", hint="go",
            palette="jump cell position token layer")  # fmt: skip
BACK = Action("view.back", "Previous view", "back to the view before, at the same cell", "backspace", "views",
              "previous_view", palette="back return view")  # fmt: skip


def view_action(name: str, title: str, letter: str, function_key: str) -> Action:
    """The action that shows a view: `letter` works outside text fields, `function_key` inside them too."""
    help = f"show the view {title}"
    return Action(f"view.{name}", title, help, f"{letter},{function_key}", "views", f"view('{name}')", palette="view")


# The registry --------------------------------------------------------------------------------------------------------

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


# Keys in words -------------------------------------------------------------------------------------------------------


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
            and not (typing and _is_typed(action, key, keymap))
        ]
        if action.hint and free:
            used.add(free[0])
            found[action.hint] = _joined(found.get(action.hint, ""), free[0])
    return [(keys, word) for word, keys in found.items()]


def key_table() -> str:
    """All keys as Markdown, for the README."""
    lines: list[str] = []
    for scope, section in _sections.items():
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


def _is_typed(action: Action, name: str, keymap: Mapping[str, str] | None) -> bool:
    keys = (keymap or {}).get(action.id, action.keys).split(",")
    return any(_key_name(key.strip()) == name and (key_to_character(key.strip()) or "\n").isprintable() for key in keys)


def _key_name(key: str) -> str:
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, name if len(name) == 1 else _NAMES.get(name) or format_key(name).lower()])
