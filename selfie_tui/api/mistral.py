"""`Mistral`, which scripts written for nnpatch hand over."""

from __future__ import annotations


class Mistral:
    """Stands for the Mistral family; nothing is read from it, as a model's own anatomy says where its sites are."""
