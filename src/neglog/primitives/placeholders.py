"""The names that a backend replaces when it compiles a primitive."""

from __future__ import annotations

from typing import Any

absolute: Any = None
at_least: Any = None
bits_of: Any = None  # a float's bits as an integer
float_of: Any = None
narrow: Any = None  # a number as a float32
real: Any = None  # a number as a float
square_root: Any = None
where: Any = None
whole: Any = None  # a number as an integer
widen: Any = None  # a number as a float64
