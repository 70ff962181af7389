"""Reads a language model's hidden states aloud: a terminal workbench and a Python library."""

from __future__ import annotations

__version__ = "0.1.0"
