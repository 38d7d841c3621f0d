"""Options for reading a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from neglog.errors.options import FitOptionError
from neglog.fitting.option_table.rows import ReadingOptions

MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What stands for a missing value in a file of text, as in pandas."""
OF_KIND = {"text": {"encoding", "separator", "skip_rows"}, "excel": {"skip_rows", "sheet"}}
"""The options that only some kinds of tables have."""
_SPELLED = {"\\t": "\t", "tab": "\t"}


@dataclass(frozen=True)
class Reading(ReadingOptions):
    """Options for reading a table, and known facts about its columns.

    Attributes:
        texts: the label columns, whose text is unchanged.
        known: how numbers are written in columns of text, as a model's fit found it.
        asked: the options that were passed for this very table; None for all that are set.
        na: what marks a missing value, in addition to `MISSING`, as text.
    """

    texts: frozenset[str] = frozenset()
    known: Mapping[str, str] = field(default_factory=dict)
    asked: frozenset[str] | None = None
    _: KW_ONLY
    na: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse choices that no table could meet.

        Raises:
            FitError: one is of no use.
        """
        separator = _SPELLED.get(self.separator or "", self.separator)
        object.__setattr__(self, "separator", separator)
        for name, words in (("separator", "such as ';' or tab"), ("thousands", "such as ','")):
            value = getattr(self, name)
            if value is not None and (len(value.encode()) != 1 or value in '"\n\r0123456789'):
                raise FitOptionError(f"{name} must be one character, {words}, but got {value!r}.")
        if self.decimal is not None and self.decimal == self.thousands:
            raise FitOptionError(
                f"thousands and decimal are both {self.decimal!r}; pass different marks."
            )
        try:
            "a".encode(self.encoding or "utf-8")
        except LookupError:
            raise FitOptionError(
                f"there is no encoding {self.encoding!r}; pass one that Python knows, such as "
                "windows-1252, gb18030, shift_jis or utf-16."
            ) from None

    def check_applies(self, kind: str, source: str) -> None:
        """Refuse options that do not apply to a kind of table.

        Args:
            kind: text, excel, or another.
            source: the table, and what it is.

        Raises:
            FitError: one would be ignored.
        """
        of_some = set().union(*OF_KIND.values()) - OF_KIND.get(kind, set())
        for name in sorted(of_some if self.asked is None else of_some & self.asked):
            if getattr(self, name) is not None:
                option = name.replace("_", "-")
                raise FitOptionError(
                    f"--{option} ({name}=) does not apply to {source}; leave it out."
                )

    @property
    def markers(self) -> list[str]:
        """All markers of missing values in a text file."""
        return [*MISSING, *self.na]

    @property
    def codes(self) -> list[float]:
        """The numbers that mark missing values."""
        return [float(text) for text in self.na if _is_number(text)]

    def without_missing(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame in which values named by `na` are missing."""
        if not self.na:
            return frame
        return frame.with_columns(
            pl.when(~_equals_any(column, self.na, self.codes)).then(column).alias(column.name)
            for column in frame
            if column.dtype == pl.String or (column.dtype.is_numeric() and self.codes)
        )

    def without_codes(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return an array in which numbers named by `na` are missing."""
        if not self.codes:
            return numbers
        found = np.isin(numbers, self.codes)
        return np.where(found, np.nan, numbers) if found.any() else numbers


PLAIN = Reading()


def _equals_any(column: pl.Series, texts: tuple[str, ...], codes: list[float]) -> pl.Series:
    """Return a mask of the values equal to some texts or numbers."""
    found = pl.repeat(False, len(column), eager=True)
    if column.dtype == pl.String:
        found = column.is_in(texts)
    if codes:
        found |= column.cast(pl.Float64, strict=False).is_in(codes).fill_null(False)
    return found.fill_null(False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
