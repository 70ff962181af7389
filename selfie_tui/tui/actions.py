"""Every action there is: one registry for bindings, command palette, help pages, hints and the README's key table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from textual.binding import Binding, BindingType
from textual.keys import format_key, key_to_character

Scope = Literal[
    "app", "main", "list", "marks", "tokens", "layers", "ask", "models", "log", "text", "prompt", "page", "details",
    "error",
]  # fmt: skip

SCOPES: dict[Scope, str] = {
    "app": "Everywhere",
    "main": "On the main screen, outside text fields",
    "list": "In every list",
    "marks": "Marking tokens and layers",
    "tokens": "Prompt: the tokens",
    "layers": "Layers",
    "ask": "Ask",
    "models": "Model",
    "log": "Interpretations",
    "text": "In text fields",
    "prompt": "Prompt: the text",
    "page": "In help, details and errors",
    "details": "Details of a reading",
    "error": "An error",
}
"""Where actions belong, and the headings they stand under."""


class Action(NamedTuple):
    """One thing a user can do.

    `handler` is the Textual action that does it, `keys` its default keys ("" for the palette only), `hint` the word for
    the hint line ("" leaves it out), `palette` whether the command palette offers it.
    """

    id: str
    title: str
    help: str
    keys: str
    scope: Scope
    handler: str
    hint: str = ""
    palette: bool = False
    priority: bool = False


_ROWS: dict[Scope, tuple[tuple[str, str, str, str, str], ...]] = {
    "app": (
        ("app.help", "?,f1", "help", "Help", "how the focused pane is read, and its keys"),
        ("app.palette", "ctrl+p", "command_palette", "Command palette", "every action, preset, theme, model by name"),
        ("app.theme", "ctrl+t", "next_theme", "Next theme", "the next of the themes; the palette has them by name"),
        ("app.repaint", "ctrl+l", "repaint", "Draw again", "draw the screen anew, when something wrote over it"),
        ("app.suspend", "ctrl+z", "suspend_process", "Suspend", "back to the shell; `fg` returns"),
        ("app.quit", "q", "quit", "Quit", "leave the program (not in text fields)"),
        ("app.quit-anywhere", "ctrl+q", "quit", "Quit, anywhere", "leave the program, from anywhere"),
        ("app.interrupt", "ctrl+c", "interrupt", "Quit, twice", "pressed twice, leave the program"),
    ),
    "main": (
        ("run.start", "enter,ctrl+r", "interpret", "Interpret", "read the marked tokens at the marked layers"),
        ("stack.next", "s,alt+s", "next_stack", "Other stack", "read a model's decoder, or its encoder again"),
        ("edit.prompt", "i", "edit_prompt", "Edit the prompt", "go to the prompt's text"),
        ("edit.preset", "e", "edit_preset", "Edit the interpretation prompt", "write an interpretation prompt"),
        ("edit.model", "o", "edit_model", "Open a model by name", "type a hub id or a folder"),
        ("model.about", "m", "about_model", "About the model", "the loaded model and its verdict, in full"),
        ("search.find", "/", "search", "Search", "search the interpretations"),
        ("search.next", "n", "find(1)", "Next match", "to the next match"),
        ("search.previous", "N", "find(-1)", "Match before", "to the match before"),
        ("copy.here", "y", "copy", "Copy", "copy what the cursor is on"),
        ("copy.all", "Y", "copy_all", "Copy all", "copy all that the pane holds"),
        ("pane.model", "1,alt+1", "pane(1)", "Model", "go to the models"),
        ("pane.prompt", "2,alt+2", "pane(2)", "Prompt", "go to the prompt's tokens"),
        ("pane.ask", "3,alt+3", "pane(3)", "Ask", "go to what is asked"),
        ("pane.layers", "4,alt+4", "pane(4)", "Layers", "go to the layers"),
        ("pane.log", "5,alt+5", "pane(5)", "Interpretations", "go to the interpretations"),
        ("pane.next", "tab", "next_pane(1)", "Next pane", "go to the next pane"),
        ("pane.previous", "shift+tab", "next_pane(-1)", "Pane before", "go to the pane before"),
        ("pane.zoom", "z", "zoom", "Maximise", "give the pane the whole screen, or its place again"),
        ("back", "escape", "back", "Back", "one level out: minimise, end the search, leave the text, cancel the job"),
    ),
    "list": (
        ("list.up", "up,k", "move(-1)", "Up", "one line up"),
        ("list.down", "down,j", "move(1)", "Down", "one line down"),
        ("list.page-up", "ctrl+u,pageup", "page(-1)", "Half a page up", "half a page up"),
        ("list.page-down", "ctrl+d,pagedown", "page(1)", "Half a page down", "half a page down"),
        ("list.first", "g,home", "first", "First", "to the first line"),
        ("list.last", "G,end", "last", "Last", "to the last line; the interpretations then follow new ones"),
    ),
    "marks": (
        ("mark.toggle", "space", "mark", "Mark", "mark or unmark; without marks the cursor's own place is read"),
        ("mark.all", "a", "mark_all", "Mark all or none", "mark all; when all are marked, none"),
    ),
    "tokens": (
        ("tokens.left", "left,h", "step(-1)", "Token before", "move the token cursor to the left"),
        ("tokens.right", "right,l", "step(1)", "Token after", "move the token cursor to the right"),
        ("tokens.up", "up,k", "line(-1)", "Line above", "move up a line of tokens, in the end to the text"),
        ("tokens.down", "down,j", "line(1)", "Line below", "move down a line of tokens"),
    ),
    "layers": (
        ("layers.left", "left,h", "token(-1)", "Token before", "move the token cursor left; the lens follows"),
        ("layers.right", "right,l", "token(1)", "Token after", "move the token cursor right; the lens follows"),
    ),
    "ask": (
        ("ask.left", "left,h", "step(-1)", "Setting before", "go to the setting on the left"),
        ("ask.right", "right,l", "step(1)", "Setting after", "go to the setting on the right"),
        ("ask.up", "up,k,+", "change(-1)", "Value above", "the larger number, or the choice above"),
        ("ask.down", "down,j,-", "change(1)", "Value below", "the smaller number, or the choice below"),
        ("ask.page-up", "pageup,ctrl+u", "change(-10)", "Value far above", "ten steps up"),
        ("ask.page-down", "pagedown,ctrl+d", "change(10)", "Value far below", "ten steps down"),
        ("ask.first", "g,home", "change(-1000000)", "First value", "the first or largest value"),
        ("ask.last", "G,end", "change(1000000)", "Last value", "the last or smallest value"),
    ),
    "models": (
        ("models.load", "enter", "choose", "Load", "load the model under the cursor, or take the next value"),
        ("models.left", "left,h", "change(-1)", "Value before", "the device or precision before"),
        ("models.right", "right,l", "change(1)", "Value after", "the next device or precision"),
    ),
    "log": (
        ("log.details", "enter", "details", "Details", "each token of the reading: probability and effect"),
        ("log.filter", "f", "filter", "Only matches", "show only readings that match the search, or all again"),
        ("log.bars", "b", "bars", "Bars below", "put relevancy under the text it belongs to, or behind it again"),
    ),
    "text": (
        ("text.submit", "enter", "screen.submit", "Done", "take the text"),
        ("text.left", "left", "cursor_left", "Left", "a character to the left"),
        ("text.right", "right", "cursor_right", "Right", "a character to the right"),
        ("text.word-left", "ctrl+left,alt+b", "cursor_left_word", "Word left", "a word to the left"),
        ("text.word-right", "ctrl+right,alt+f", "cursor_right_word", "Word right", "a word to the right"),
        ("text.home", "home,ctrl+a", "home", "Start", "to the start"),
        ("text.end", "end,ctrl+e", "end", "End", "to the end"),
        ("text.backspace", "backspace", "delete_left", "Delete left", "delete the character on the left"),
        ("text.delete", "delete,ctrl+d", "delete_right", "Delete right", "delete the character under the cursor"),
        ("text.delete-word", "ctrl+w,alt+backspace", "delete_left_word", "Delete word", "delete the word on the left"),
        ("text.delete-start", "ctrl+u", "delete_left_all", "Delete to start", "delete all on the left"),
        ("text.delete-end", "ctrl+k", "delete_right_all", "Delete to end", "delete all on the right"),
        ("text.select-left", "shift+left", "cursor_left(True)", "Select left", "extend the selection to the left"),
        ("text.select-right", "shift+right", "cursor_right(True)", "Select right", "extend the selection to the right"),
        ("text.select-home", "shift+home", "home(True)", "Select to start", "extend the selection to the start"),
        ("text.select-end", "shift+end", "end(True)", "Select to end", "extend the selection to the end"),
    ),
    "prompt": (
        ("prompt.run", "enter", "screen.run_prompt", "Interpret", "read the marked cells; go to the tokens"),
        ("prompt.down", "down", "screen.to_tokens", "To the tokens", "go down from the text to its tokens"),
        ("prompt.newline", "ctrl+j", "newline", "New line", "put a line break into the prompt"),
    ),
    "page": (
        ("page.close", "escape,q", "close", "Close", "close this page"),
        ("page.copy", "y", "copy", "Copy", "copy this page as text; on an error, its traceback"),
    ),
    "details": (
        ("details.left", "left,h", "step(-1)", "Reading before", "the reading before"),
        ("details.right", "right,l", "step(1)", "Reading after", "the next reading"),
    ),
    "error": (
        ("error.close", "enter", "close", "Close", "close the error"),
    ),
}  # fmt: skip
"""Scope by scope: id, default keys, handler, title, help."""

_HINTS = {
    "text.submit": "done",
    "run.start": "interpret", "prompt.run": "interpret", "prompt.down": "tokens", "tokens.left": "token",
    "tokens.right": "token", "layers.left": "token", "layers.right": "token", "ask.left": "setting",
    "ask.right": "setting", "ask.up": "value", "ask.down": "value", "models.load": "load", "log.details": "details",
    "log.bars": "bars", "mark.toggle": "mark", "mark.all": "all", "edit.prompt": "edit", "search.find": "search",
    "copy.here": "copy", "pane.next": "pane", "pane.zoom": "zoom", "page.close": "close", "details.left": "reading",
    "details.right": "reading", "page.copy": "copy", "app.help": "help", "app.palette": "commands",
    "app.quit": "quit",
}  # fmt: skip
"""The words for the hint line."""

_PALETTE = frozenset({
    "run.start", "stack.next", "model.about", "log.filter", "log.bars", "edit.prompt", "edit.preset", "edit.model",
    "search.find", "search.next",
    "search.previous", "copy.here", "copy.all", "pane.model", "pane.prompt", "pane.ask", "pane.layers", "pane.log",
    "pane.zoom", "app.help", "app.theme", "app.repaint", "app.quit",
})  # fmt: skip
"""What the command palette offers."""

ACTIONS: tuple[Action, ...] = tuple(
    Action(id, title, help, keys, scope, handler, _HINTS.get(id, ""), id in _PALETTE, id == "app.quit-anywhere")
    for scope, rows in _ROWS.items()
    for id, keys, handler, title, help in rows
)
"""All of them, scope by scope."""


def by_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of the scopes, scope by scope."""
    return tuple(action for scope in scopes for action in ACTIONS if action.scope == scope)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual bindings for the actions of the scopes; every one has its action's id, so that a keymap can change it."""
    return [
        Binding(action.keys, action.handler, action.title, id=action.id, show=False, priority=action.priority)
        for action in by_scope(*scopes)
    ]


def keys_of(action: Action, keymap: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The keys of an action as a reader knows them: `↑`, `k`, `esc`."""
    keys = (keymap or {}).get(action.id, action.keys)
    return tuple(_shown(key.strip()) for key in keys.split(","))


def hints(
    scopes: Iterable[Scope], keymap: Mapping[str, str] | None = None, *, typing: bool = False
) -> list[tuple[str, str]]:
    """(keys, word) pairs for the hint line: what enter does first, neighbours with the same word as one pair.

    Each key is told once, for the scope that comes first; with `typing`, keys that would be typed are not told.
    """
    taken: set[str] = set()
    found: dict[str, str] = {}
    for action in sorted(by_scope(*scopes), key=lambda action: not action.keys.startswith("enter")):
        free = [
            key
            for key in keys_of(action, keymap)
            if key not in taken and not (typing and _is_typed(action, key, keymap))
        ]
        if action.hint and free:
            taken.add(free[0])
            found[action.hint] = _joined(found.get(action.hint, ""), free[0])
    return [(keys, word) for word, keys in found.items()]


def key_table() -> str:
    """All keys as Markdown, for the README."""
    lines: list[str] = []
    for scope, heading in SCOPES.items():
        lines += [f"**{heading}**", "", "| key | does | id |", "|---|---|---|"]
        for action in by_scope(scope):
            keys = " ".join(f"`{key}`" for key in keys_of(action))
            lines.append(f"| {keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def problems_of_keymap(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a user's keymap, one line each: an action that does not exist, or one without a key."""
    known = {action.id for action in ACTIONS}
    unknown = [
        f"keymap: there is no action {name!r}; `selfie-tui` lists them under ?" for name in keymap if name not in known
    ]
    empty = [f"keymap: {name!r} has no key" for name, keys in keymap.items() if name in known and not keys.strip()]
    return unknown + empty


_NAMES = {"enter": "enter", "backspace": "backspace", "delete": "delete"}
"""Keys whose symbols many terminal fonts lack."""


def _joined(first: str, second: str) -> str:
    """Two keys for one hint: `←→`; of keys with longer names the first will do."""
    return first + second if len(first) <= 1 and len(second) == 1 else first or second


def _is_typed(action: Action, shown: str, keymap: Mapping[str, str] | None) -> bool:
    keys = (keymap or {}).get(action.id, action.keys).split(",")
    return any(_shown(key.strip()) == shown and (key_to_character(key.strip()) or "\n").isprintable() for key in keys)


def _shown(key: str) -> str:
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, name if len(name) == 1 else _NAMES.get(name) or format_key(name).lower()])
