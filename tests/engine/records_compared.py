"""Compares records up to the rounding of float32."""

from __future__ import annotations

import math
from typing import Any

import msgspec

CLOSE = 2e-5
"""Sums of float32 in another order, seen up to 3e-6 on these models."""


def assert_same(one: Any, other: Any) -> None:
    """Two records, or lists of them, are equal up to the rounding of float32."""

    def compare(a: Any, b: Any, path: str) -> None:
        if isinstance(a, float) and isinstance(b, float):
            assert math.isclose(a, b, abs_tol=CLOSE), (path, a, b)
        elif isinstance(a, dict) and isinstance(b, dict):
            assert a.keys() == b.keys(), path
            for key in a:
                compare(a[key], b[key], f"{path}.{key}")
        elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
            assert len(a) == len(b), path
            for index, (left, right) in enumerate(zip(a, b, strict=True)):
                compare(left, right, f"{path}[{index}]")
        else:
            assert a == b, path

    compare(msgspec.to_builtins(one), msgspec.to_builtins(other), "")
