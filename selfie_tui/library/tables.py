"""Results as tables; interpretations in the six columns that SelfIE and NNsight Selfie give."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from selfie_tui.errors import SelfieError
from selfie_tui.records import EMBED, Interpretation

COLUMNS = ("prompt", "interpretation", "layer", "token", "token_decoded", "relevancy_score")


class Table(ABC):
    """What has rows, and is given as whichever table a notebook takes."""

    @abstractmethod
    def columns(self) -> dict[str, list[Any]]:
        """The table as equally long lists under the names of its columns."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """The table as one dictionary a row."""
        return rows_of(self.columns())

    def to_pandas(self) -> Any:
        """The table as a pandas `DataFrame`; raises SelfieError if pandas is not installed."""
        return data_frame(self.columns())


def columns_of(prompt: str, interpretations: Sequence[Interpretation]) -> dict[str, list[Any]]:
    """The interpretations of a prompt's cells as equally long lists under the names of `COLUMNS`.

    `layer` is a block's number or `"embed"`, `token` a position, `token_decoded` that token's text, and
    `relevancy_score` holds one number in [0, 1] for each generated token, NaN where it was not measured.
    """
    return {
        "prompt": [prompt] * len(interpretations),
        "interpretation": [each.text for each in interpretations],
        "layer": ["embed" if each.cell.layer == EMBED else each.cell.layer for each in interpretations],
        "token": [each.cell.position for each in interpretations],
        "token_decoded": [each.token.text for each in interpretations],
        "relevancy_score": [
            [math.nan if token.relevancy is None else token.relevancy for token in each.tokens]
            for each in interpretations
        ],
    }


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The same table as one dictionary a row."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def data_frame(columns: Mapping[str, Sequence[Any]]) -> Any:
    """The same table as a pandas `DataFrame`.

    Raises:
        SelfieError: if pandas is not installed.
    """
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise SelfieError("pandas is not installed.", "pip install pandas, or take to_dicts().") from error
    return pandas.DataFrame(dict(columns))
