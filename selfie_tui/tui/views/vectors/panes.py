"""The panes of the view and where they stand."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.browsing import Browsing
from selfie_tui.tui.views.vectors.comparing import Comparison
from selfie_tui.tui.views.vectors.direction_list import DirectionList
from selfie_tui.tui.views.vectors.line_view import LineField, LineView
from selfie_tui.tui.views.vectors.readings import Readings
from selfie_tui.tui.views.vectors.result_view import ResultView
from selfie_tui.tui.views.vectors.shelf import Shelf
from selfie_tui.tui.views.vectors.steer_view import SteerView
from selfie_tui.tui.views.vectors.steering import SteeringState
from selfie_tui.tui.views.vectors.vector_list import VectorList
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pane import Pane


class PanesView(View):
    """The list at the left; line, results and steering at the right, of which the last two take turns where it is
    narrow."""

    FRAME_PANES = frozenset()
    PROMPT_OVER = True
    JOB = "steer"
    SCOPED_CSS = False
    DEFAULT_CSS = """
    VectorsView #vectors-body { height: 1fr; }
    VectorsView #vectors-left { width: 40%; }
    VectorsView #vectors-right { width: 1fr; }
    VectorsView #vectors-list, VectorsView #vectors-result, VectorsView #vectors-steer { height: 1fr; }
    VectorsView #vectors-line { height: 3; }
    VectorsView #vector-line, VectorsView #direction-search { margin: 0 1; width: 1fr; }
    MainScreen.-tiny VectorsView #vectors-left, MainScreen.-flat VectorsView #vectors-left { width: 1fr; }
    MainScreen.-tiny VectorsView .-away, MainScreen.-flat VectorsView .-away { display: none; }
    MainScreen.-narrow VectorsView #vectors-left { width: 38%; }
    MainScreen.-narrow VectorsView #vectors-left.-browsing { width: 52%; }
    MainScreen.-narrow VectorsView #vectors-result, MainScreen.-narrow VectorsView #vectors-steer { display: none; }
    MainScreen.-narrow VectorsView Pane.-front { display: block; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.shelf = Shelf(self.app.vectors_dir)
        self.comparison = Comparison(state, self.shelf)
        self.readings = Readings(state, self.shelf)
        self.steering = SteeringState(state, self.shelf)
        self.list = VectorList(id="vectors-rows")
        self.line_view = LineView(id="vectors-line-view")
        self.line_field = LineField()
        self.result = ResultView(id="vectors-results")
        self.steer = SteerView(id="vectors-steering")
        self.browsing = Browsing(state)
        self.directions = DirectionList(self.browsing, id="directions")
        self.search_text = Field(placeholder="a word · ~ a line over vectors", id="direction-search", classes="-hidden")
        self.list_pane = Pane(
            4, "Vectors", self.list, self.directions, self.search_text, id="vectors-list", classes="-described"
        )
        self.line_pane = Pane(3, "Line", self.line_view, self.line_field, id="vectors-line", classes="-described")
        self.result_pane = Pane(5, "Result", self.result, id="vectors-result", classes="-front")
        self.steer_pane = Pane(5, "Steer", self.steer, id="vectors-steer", classes="-described")
        self.panes = (self.list_pane, self.line_pane, self.result_pane, self.steer_pane)

    def compose(self) -> ComposeResult:
        with Horizontal(id="vectors-body"):
            yield Vertical(self.list_pane, id="vectors-left")
            yield Vertical(self.line_pane, self.result_pane, self.steer_pane, id="vectors-right")

    @property
    def beside(self) -> Pane:
        return self.steer_pane if self.steer_pane.has_class("-front") else self.result_pane

    def turn_columns(self) -> None:
        """Have the column with the keys in sight where there is space for one of them."""
        listed = self.list_pane.has_class("-alone")
        self.query_one("#vectors-left").set_class(not listed, "-away")
        self.query_one("#vectors-right").set_class(listed, "-away")

    def bring_to_front(self, pane: Pane) -> None:
        """Have results or steering in sight where there is space for one of them."""
        for other in (self.result_pane, self.steer_pane):
            other.set_class(other is pane, "-front")
