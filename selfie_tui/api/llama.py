"""`Llama3`, which scripts written for nnpatch hand over."""

from __future__ import annotations


class Llama3:
    """Stands for the Llama3 family; nothing is read from it, as a model's own anatomy says where its sites are."""
