"""How one goes from view to view, and by `:` to a cell, marks, a view, a model, a preset or an action."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import BindingsMap
from textual.widget import Widget

from selfie_tui.errors import RequestError
from selfie_tui.records import layer_name
from selfie_tui.tui import views
from selfie_tui.tui.actions import action_of, all_actions, bindings
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.go_to import Destination, marked, matching, parse_destination
from selfie_tui.tui.screens.ask import AskScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import tabs
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import Lines

AMBIGUOUS_SHOWN = 4
"""How many names are listed where a typed one may be several."""


class ViewScreen(AskScreen, inherit_bindings=False):
    """The frame with its views, each of which is made when it is first shown."""

    BINDINGS = bindings("main", "views")

    def __init__(self, state: AppState, device: str, dtype: str) -> None:
        first = views.VIEWS[0](state)
        super().__init__(state, first, device, dtype)
        self._bindings = BindingsMap(bindings("main", "views"))
        self.opened: dict[str, View] = {first.NAME: first}
        """The views that have been shown so far, by name."""
        self._view_before = ""
        self._focus: dict[str, Widget] = {}
        self._focus_before_go: Widget | None = None

    def show(self, changed: Changed) -> None:
        super().show(changed)
        for view in self.opened.values():
            view.show(changed)

    def show_tabs(self) -> None:
        """Write the tabs of the views into the view bar, and into the header where the bar is folded."""
        names = [(view.LETTER, view.TITLE) for view in views.VIEWS]
        here = (self.view.LETTER, self.view.TITLE)
        self.view_bar.show_tabs(tabs(names, here))
        self.status.show_tabs(tabs(names, here, folded=True))

    # From view to view -----------------------------------------------------------------------------------------------

    async def action_view(self, name: str) -> None:
        """Show a view, at the cell of the one before; the keys go where they went when it was left."""
        if name == self.view.NAME:
            return
        if name not in self.opened:
            view = next(view for view in views.VIEWS if name == view.NAME)(self.state)
            await self.switcher.add_content(view)
            self.opened[name] = view
        with self.app.batch_update():  # drawn once, where all is in its position
            self._switch_to(self.opened[name])

    def edit(self, field: Field) -> None:
        """Show a field and put the cursor into it; the prompt's over the view, or in the first one, if it is hidden."""
        if field is self.prompt_text and self.view.PROMPT_OVER and "prompt" not in self.view.FRAME_PANES:
            self.show_prompt_over(True)
        elif field is self.prompt_text and self.prompt_pane not in self.panes:
            with self.app.batch_update():
                self._switch_to(self.opened[views.VIEWS[0].NAME])
        super().edit(field)

    def _switch_to(self, view: View) -> None:
        if self.focused is not None:
            before = self._focus_before_go or self._focus_before_ask
            self._focus[self.view.NAME] = before or self.focused
        if self.focused is self.go_text or self.asking:
            self.leave_field()
        self.show_prompt_over(False)
        self.zoom(None)
        self._view_before = self.view.NAME
        for pane in self.view.panes:
            pane.remove_class("-alone")
        self.view = view
        self.switcher.current = view.NAME
        self.show_tabs()
        self._focus_in_view()

    def _focus_in_view(self) -> None:
        home = self._focus.get(self.view.NAME) or self.view.panes[0].home
        pane = next((pane for pane in self.panes if pane in home.ancestors), self.view.panes[0])
        if pane not in home.ancestors or home.has_class("-hidden"):
            home = pane.home
        self._bring(pane)
        for other in (*self.panes, self.model_pane):
            other.set_class(other is pane, "-active")  # now, not with the focus's event: borders are drawn once
        self.set_focus(home)
        self.update_selected()
        self.update_status()
        self.update_hints()

    async def action_previous_view(self) -> None:
        """Go back to the view before."""
        if self._view_before:
            await self.action_view(self._view_before)

    # By name or number -----------------------------------------------------------------------------------------------

    def action_go_to(self) -> None:
        """Open the line in which one types where to go."""
        self._focus_before_go = self.focused
        self.go_text.value = ""
        self._show_go_line(True)
        self.edit(self.go_text)

    def leave_field(self) -> None:
        if self.focused is not self.go_text:
            super().leave_field()
            self.show_prompt_over(False)
            return
        self._show_go_line(False)
        before, self._focus_before_go = self._focus_before_go, None
        hidden = isinstance(before, Field) and before.has_class("-hidden")
        self.set_focus(self.pane_here.home if before is None or hidden else before)

    def _show_go_line(self, shown: bool) -> None:
        """Show the line in place of the hints, or the hints again."""
        self.query_one("#go-line").set_class(not shown, "-hidden")
        self.hints.set_class(shown, "-hidden")

    async def go(self, typed: str) -> None:
        """Go to what was typed; the line stays open where that cannot be done."""
        before = self._focus_before_go
        try:
            destination = parse_destination(typed)
            if isinstance(before, Lines) and before.go_to(typed.strip()):
                self.leave_field()
            elif destination.name:
                await self._go_to_name(destination.name)
            else:
                self._go_to_cells(destination, layers=before is self.layer_list)
                self.leave_field()
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")

    def _go_to_cells(self, destination: Destination, *, layers: bool) -> None:
        selection = self.state.selection
        positions = tuple(range(len(selection.tokens)))
        if destination.marks:
            if layers or "l" in destination.marks.lower().replace("all", ""):
                selection.mark(layers=marked(destination.marks, selection.layers, "layer"))
            else:
                selection.mark(positions=marked(destination.marks, positions, "token"))
        else:
            position, layer = destination.position, destination.layer
            if layers and layer is None:  # a bare number is of the axis in focus
                position, layer = None, position
            if position is not None:
                marked(str(position), positions, "token")
            if layer is not None:
                marked(layer_name(layer), selection.layers, "layer")
            selection.move(position=position, layer=layer)
        self.show(Changed(selection=True))

    async def _go_to_name(self, name: str) -> None:
        """Do what a name stands for among the views, presets, models and actions; of equal names, in this order."""
        known: dict[str, tuple[str, str]] = {}
        for kind, names in self._names():
            for title, meant in names.items():
                known.setdefault(title, (kind, meant))
        found = matching(name, known)
        if not found:
            raise RequestError(f"Unknown view, preset, model or action “{name}”.", "The palette lists them: ctrl+p.")
        if len({known[title] for title in found}) > 1:
            prose = self.app.look.prose
            shown = ", ".join(prose(title) for title in found[:AMBIGUOUS_SHOWN])
            more = "" if len(found) <= AMBIGUOUS_SHOWN else f" and {len(found) - AMBIGUOUS_SHOWN} more"
            raise RequestError(f"“{prose(name)}” may be {shown}{more}.", "Write more of the name.")
        self.leave_field()
        await self._do(*known[found[0]])

    def _names(self) -> Iterator[tuple[str, dict[str, str]]]:
        """What can be gone to by name: by its kind, names and what each one means."""
        yield "view", {title: view.NAME for view in views.VIEWS for title in (view.TITLE, view.NAME)}
        yield "choice", {name: name for name in self.view.choices()}
        yield "model", {offer.name: offer.name for offer in self.models.offers}
        actions = [action for action in all_actions() if action.palette]
        yield "action", {title: action.id for action in actions for title in (action.id, action.title)}

    async def _do(self, kind: str, name: str) -> None:
        match kind:
            case "view":
                await self.action_view(name)
            case "choice":
                self.view.choose(name)
            case "model":
                self.load(name)
            case _:
                await self.app.carry_out(action_of(name))

    def load(self, name: str) -> None:
        """Load a model."""
        raise NotImplementedError

    def update_hints(self) -> None:
        """Write the hint line."""
        raise NotImplementedError

    def update_status(self) -> None:
        """Write how things stand."""
        raise NotImplementedError
