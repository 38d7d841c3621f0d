"""Durations written as text: 1:30:00, 3 days 04:05:06, 1 h 30 min, PT1H30M."""

from __future__ import annotations

import polars as pl

_NUMBER = r"(\d+(?:\.\d+)?)"
_FORMS = (
    # As clocks and pandas write them; hours of a day have two parts, more hours need seconds.
    r"(?i)^(-)?(?:(\d+) days?,? *)?(?:([01]?\d|2[0-3]):([0-5]\d)|"
    r"(\d+):([0-5]\d):([0-5]?\d(?:\.\d+)?))?$",
    rf"^(-)?P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?$",
    rf"(?i)^(-)?(?:{_NUMBER} ?(?:w|weeks?))? *(?:{_NUMBER} ?(?:d|days?))? *"
    rf"(?:{_NUMBER} ?(?:h|hrs?|hours?))? *(?:{_NUMBER} ?(?:m|mins?|minutes?))? *"
    rf"(?:{_NUMBER} ?(?:s|secs?|seconds?))?$",
)
_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_UNITS = (
    (_DAY, _HOUR, _MINUTE, _HOUR, _MINUTE, _SECOND),
    (7 * _DAY, _DAY, _HOUR, _MINUTE, _SECOND),
    (7 * _DAY, _DAY, _HOUR, _MINUTE, _SECOND),
)


def read(texts: pl.Series) -> pl.Series:
    """Parse durations as microseconds; null for other text.

    Example:
        >>> (read(pl.Series(["26:30:00", "1 h 30 min", "-PT90M", "x"])) / _HOUR).to_list()
        [26.5, 1.5, -1.5, None]
    """
    found = pl.repeat(None, len(texts), dtype=pl.Int64, eager=True)
    texts = texts.str.strip_chars().str.replace(",(\\d)", ".$1")
    for form, units in zip(_FORMS, _UNITS, strict=True):
        parts = texts.str.extract_groups(form).struct.unnest().get_columns()
        sign, numbers = parts[0], [part.cast(pl.Float64) for part in parts[1:]]
        known = pl.DataFrame(
            [number.is_not_null().alias(str(j)) for j, number in enumerate(numbers)]
        )
        total = sum(n.fill_null(0.0) * unit for n, unit in zip(numbers, units, strict=True))
        assert isinstance(total, pl.Series)
        ticks = total.round().cast(pl.Int64)
        ticks = ticks.zip_with(sign.is_null(), -ticks)
        found = found.zip_with(found.is_not_null(), ticks.set(~known.max_horizontal(), None))
    return found
