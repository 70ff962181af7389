"""Shares between 0 and 1 as bars of one character, so that heat never needs colour."""

from __future__ import annotations

import math

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ",:;+*%#@"
"""None of these stands for a state of a cell: what is not read is `.`, what says the same `=`, what is alone `-`."""
NOT_A_NUMBER = "×"
ASCII_NOT_A_NUMBER = "x"
"""What stands where a bar would, for a value that is not a number."""


def bar(value: float, *, ascii: bool = False) -> str:
    """One of eight bars for a share of 0 to 1, what lies outside as its nearest end; `×` for what is not a number."""
    if math.isnan(value):
        return ASCII_NOT_A_NUMBER if ascii else NOT_A_NUMBER
    return (ASCII_BARS if ascii else BARS)[level(value)]


def level(value: float) -> int:
    """The step, 0 to 7, in which a share from 0 to 1 is drawn; the lowest for what is not a number."""
    if math.isnan(value):
        return 0
    return min(int(min(max(value, 0.0), 1.0) * len(BARS)), len(BARS) - 1)
