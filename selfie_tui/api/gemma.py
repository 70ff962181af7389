"""`Gemma2`, which scripts written for nnpatch hand over."""

from __future__ import annotations


class Gemma2:
    """Stands for the Gemma2 family; nothing is read from it, as a model's own anatomy says where its sites are."""
