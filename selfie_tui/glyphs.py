"""Shares between 0 and 1 as bars of one character, so that heat never needs colour."""

from __future__ import annotations

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ".:-=+*#@"


def bar(value: float, *, ascii: bool = False) -> str:
    """One of eight bars for a share of 0 to 1; what lies outside counts as its nearest end."""
    glyphs = ASCII_BARS if ascii else BARS
    return glyphs[min(len(glyphs) - 1, max(0, int(value * len(glyphs))))]
