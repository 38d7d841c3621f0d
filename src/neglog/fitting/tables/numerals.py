"""Formatted numbers: 1,000 and $1,200.50, 5%, (1,200), 1'000, −3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import polars as pl

CONVENTIONS = (",.", " .", "'.", ".,", " ,", "',")
"""The mark between thousands and the decimal mark, the likelier first."""
_SIGNS = r"(?:US|CA|AU|NZ|HK|[CAS])[$]|R[$]|[$€£¥₹₽₩₺₴₪฿₫₦]|Fr\.|元|円|원"
_CODES = (
    r"(?i:USD|EUR|GBP|JPY|CNY|RMB|CHF|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|BRL|KRW|MXN|ZAR|RUB|HKD|SGD"
    r"|CZK|HUF)|kr|zł|Kč|Rs"
)
_CURRENCY = rf"(?:{_SIGNS}|(?:{_CODES})\.?)"
_FULL = {chr(0xFF01 + j): chr(0x21 + j) for j in range(0x5E)}  # full-width forms of ASCII
_DIGITS = {chr(zero + j): str(j) for zero in (0x660, 0x6F0, 0x966, 0x9E6) for j in range(10)}
_EQUIVALENT_MARKS = {
    **_FULL,
    **_DIGITS,
    "٬": ",", "٫": ".",
    **dict.fromkeys("−–‒﹣", "-"),
    **dict.fromkeys("’‘´`ʼ", "'"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
    "￥": "¥", "￡": "£", "٪": "%",
}  # fmt: skip
_UNIT = (
    r"(?:/ ?)?[°ºµμ]?[^\W\d_]{1,12}[²³23]?\.?"
    r"(?:(?: ?[/·*] ?| per | )[^\W\d_]{1,8}[²³23]?\.?)?|[°º]"
)
_NO_UNIT = (
    r"^(?i:st|nd|rd|th|[ap]\.?m\.?|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|january|february"
    r"|march|april|june|july|august|september|october|november|december)$"
)
_COMMON = """
% ‰ bn mn mm mio mrd mia tsd thousand million billion trillion lakh crore
kg mg µg μg ug ton tonne lb oz stone cm km in inch inche ft feet mi mile yd
ml cl dl liter litre gal gallon cc m² m³ m2 m3 km² km2 sqft sqm ha acre
µs ms sec second min minute hr hour day wk week mo month yr year
kw mw gw wh kwh mwh mv kv ma hp bhp ps kj kcal cal nm pa kpa hpa bar
hz khz mhz ghz kb mb gb tb kbps mbps gbps °c °f ° mph km/h kmh kph mpg l/100km
"""
"""Units in lower case and in the singular."""
_LETTERS = {"", *"kKmMBTglLhs"}
"""Units of one letter, as few as codes such as 1A and 1B leave."""
_PLURAL = r"^(.*[^\W\d_]{2})s$"
_THOUSANDS = r"^\s*[+-]?([1-9]\d{0,2}(\.\d{3})+|\d+)\s*$"
_FEW = 100
_MAX_DIGITS, _MAX_UNITS = 40, 20
_MARKS_ONLY = "^-?[0-9.,']+$"
_DIGIT, _WORD = r"\d", r"\p{L}{4}"  # currencies have at most three letters
_PARTS = ("first", "open", "sign", "second", "body", "third", "word", "trailing", "close", "fourth")
_UNITS = ("first", "second", "third", "fourth")
SHARES = {"%": 100, "‰": 1000}
"""The denominators of percent and per-mille signs."""


def _unsigned_pattern(convention: str, dashes: str = "") -> str:
    """Return a regular expression for a number without sign, unit or exponent."""
    thousands, decimal = (re.escape(mark) for mark in convention)
    grouped = f"[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{2,3}})*{thousands}[0-9]{{3}}"
    return f"(?:{grouped}|[0-9]+)(?:{decimal}(?:{dashes}[0-9]*))?|{decimal}[0-9]+"


@cache
def _pattern(convention: str) -> str:
    """Return a regular expression for a number; its groups are `_PARTS`."""
    decimal = re.escape(convention[1])
    scientific = f"(?:[0-9]+(?:{decimal}[0-9]*)?|{decimal}[0-9]+)[eE][+-]?[0-9]+"
    body = f"({scientific}|{_unsigned_pattern(convention, '-+|')})"  # 5.- is 5 francs
    unit, behind = rf"({_CURRENCY}|[%‰])?", rf"({_SIGNS}|(?:{_CODES})\b\.?|[%‰])?"
    return (
        rf"^\s*{unit} *(\()? *([+-]?) *{unit} *{body} *{behind} *({_UNIT})? *(-?) *(\))? *{behind}"
        r"\s*$"
    )


def _parts(texts: pl.Series, convention: str) -> pl.DataFrame:
    """Return the parts of texts; the unsigned number is null if a text is not a number."""
    groups = texts.str.replace_many(_EQUIVALENT_MARKS).str.extract_groups(_pattern(convention))
    parts = pl.DataFrame(dict(zip(_PARTS, groups.struct.unnest().get_columns(), strict=True)))
    word = pl.col("word").str.replace(r"\.$", "").str.replace(_PLURAL, "$1").fill_null("")
    count = pl.sum_horizontal(pl.col(_UNITS).is_not_null().cast(pl.Int8))
    signs = pl.sum_horizontal(
        pl.col("sign", "trailing").str.len_bytes(), pl.col("open").is_not_null().cast(pl.Int8)
    )
    half_open = pl.col("open").is_null() != pl.col("close").is_null()
    phone = (pl.col("sign") == "+") & pl.col("body").str.contains(" ")
    wrong = (count > 1) | (signs > 1) | half_open | phone | word.str.contains(_NO_UNIT)
    number = _cast(parts["body"], convention)
    return parts.select(
        pl.when(~wrong.fill_null(False)).then(number).alias("number"),
        (pl.any_horizontal(pl.col("sign", "trailing") == "-") | pl.col("open").is_not_null())
        .fill_null(False)
        .alias("negative"),
        pl.col("open").is_not_null().alias("bracketed"),
        (pl.coalesce(_UNITS).fill_null("") + word).alias("unit"),
        (word != "").alias("worded"),
    )


def read(texts: pl.Series, convention: str, worded: bool = False) -> pl.Series:
    """Parse numbers; null for other text.

    Args:
        texts: the texts.
        convention: the mark between thousands and the decimal mark; and the unit that all numbers
            must have, if they have one.
        worded: whether numbers may have any unit that is a word.

    Example:
        >>> read(pl.Series(["$1,200.50", "(3)", "−4", "7%", "7 kg"]), ",.").to_list()
        [1200.5, -3.0, -4.0, 7.0, None]
        >>> read(pl.Series(["5 kg", "1,200 kg", "5 g"]), ",.kg").to_list()
        [5.0, 1200.0, None]
    """
    convention, expected = convention[:2], convention[2:]
    numbers = _cast(texts, convention)
    bare = texts.str.contains(f"^-?(?:{_unsigned_pattern(convention)})$")
    required = bool(expected) and not is_currency(expected)
    if required:
        bare &= numbers == 0
    numbers = numbers.set((~bare).fill_null(False), None)
    others = (~(bare | texts.str.contains(_MARKS_ONLY))).fill_null(False).arg_true()
    if len(others):  # those with signs, units or blanks
        parts = _parts(texts.gather(others), convention)
        known = pl.lit(True) if worded else ~pl.col("worded")
        if expected:
            without = pl.col("number") == 0 if required else pl.lit(True)
            known = (pl.col("unit") == expected) | ((pl.col("unit") == "") & without)
        signed = pl.when("negative").then(-pl.col("number")).otherwise("number")
        numbers = numbers.scatter(others, parts.select(pl.when(known).then(signed)).to_series())
    return numbers


def is_currency(unit: str) -> bool:
    """Return whether a unit is a currency, which numbers may omit."""
    return re.fullmatch(_CURRENCY, unit) is not None


def _cast(texts: pl.Series, convention: str) -> pl.Series:
    """Parse digits and marks as numbers."""
    digits = texts.str.replace_all(convention[0], "", literal=True).str.replace("[^0-9]?-+$", "")
    return digits.str.replace(convention[1], ".", literal=True).cast(pl.Float64, strict=False)


def plain(texts: pl.Series) -> pl.Series:
    """Parse plain numbers; null for other text."""
    return texts.cast(pl.Float64, strict=False)


def may_have_thousands(texts: pl.Series) -> bool:
    """Return whether points may separate thousands in all texts, and must in one.

    Example:
        >>> may_have_thousands(pl.Series(["1.234", "900"])), may_have_thousands(pl.Series(["1.2"]))
        (True, False)
    """
    for sample in (texts.head(_FEW), texts):
        if not sample.str.contains(_THOUSANDS).all():
            return False
    return bool(texts.str.contains(".", literal=True).any())


@dataclass
class NumberFormat:
    """The number format of the distinct texts of a column.

    Attributes:
        among: the conventions that are tried.
        conventions: those of them by which every number among the texts is read.
        worded: whether the texts are numbers with a unit that is a word, such as 5 kg.
        units: the currencies, % and other units of numbers other than 0; empty text for none.
        dotted: whether plain numbers with a point are among them, such as 1.234, which may be 1234.
        bracketed: whether all numbers are in brackets, as labels of groups are.
        padded: whether all that they need a convention for is blanks around them.
        conflict: the first number that the conventions of those before it do not read.
    """

    among: Sequence[str] = CONVENTIONS
    worded: bool = False
    conventions: list[str] = field(init=False)
    units: set[str] = field(default_factory=set)
    dotted: bool = False
    bracketed: bool = True
    padded: bool = True
    conflict: str | None = None

    def __post_init__(self) -> None:
        """Begin with all conventions."""
        self.conventions = [*self.among]

    def update(self, texts: pl.Series, numbers: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Add texts; return the distinct numbers that require a convention, and the other texts.

        Args:
            texts: the texts, none of them missing.
            numbers: the same as `plain` reads them.
        """
        ambiguous = texts.filter(numbers.is_null()).unique(maintain_order=True)
        if len(ambiguous):
            texts, numbers = texts.filter(numbers.is_not_null()), numbers.drop_nulls()
        self._update_plain(texts, numbers)
        likely = ambiguous.str.contains(_DIGIT)
        likely &= (
            ambiguous.str.len_chars() <= _MAX_DIGITS
            if self.worded
            else ~ambiguous.str.contains(_WORD)
        )
        distinct_texts = ambiguous.set(~likely, None)
        found = (
            {c: read(distinct_texts, c, self.worded) for c in self.among} if likely.any() else {}
        )
        known = pl.repeat(False, len(ambiguous), dtype=pl.Boolean, eager=True)
        for parsed in found.values():
            known |= parsed.is_not_null()
        if known.any():
            self._update_marked(
                ambiguous.filter(known), {c: n.filter(known) for c, n in found.items()}
            )
        return ambiguous.filter(known), ambiguous.filter(~known)

    def _update_marked(self, texts: pl.Series, found: Mapping[str, pl.Series]) -> None:
        """Add numbers that require a convention."""
        self._narrow(texts, {c: found[c] for c in self.conventions})
        best = (self.conventions or self.among)[0]
        bare = texts.str.contains(f"^-?(?:{_unsigned_pattern(best)})$")
        parts = _parts(texts.filter(~bare), best)
        if bare.any():
            self.units.add("")
        self.bracketed &= not bare.any() and bool(parts["bracketed"].all())
        self.padded &= bool(plain(texts.str.strip_chars()).is_not_null().all())
        self._add_units(set(parts["unit"].filter(parts["number"] != 0)))

    def _add_units(self, units: set[str]) -> None:
        self.units = set(sorted(self.units | units)[:_MAX_UNITS])

    def _update_plain(self, texts: pl.Series, numbers: pl.Series) -> None:
        """Drop the conventions that do not parse numbers such as 1.5."""
        if texts.is_empty():
            return
        self.bracketed = False
        if "" not in self.units and (numbers != 0).any():
            self.units.add("")
        commas = [c for c in self.conventions if c[1] != "."]
        if self.dotted and not commas:
            return
        dotted = texts.filter(texts.str.contains(".", literal=True))
        if len(dotted):
            self.dotted = True
            self._narrow(dotted, {c: _as_comma(dotted, c) for c in commas})

    def _narrow(self, texts: pl.Series, found: Mapping[str, pl.Series]) -> None:
        """Drop the conventions that do not parse a text."""
        left = [c for c in self.conventions if c not in found or not found[c].null_count()]
        if self.conventions and not left:
            gaps = found[next(c for c in self.conventions if c in found)].is_null()
            self.conflict = texts[int(gaps.arg_max() or 0)]
        self.conventions = left

    def merge(self, other: NumberFormat) -> None:
        """Merge the format of other texts of the column."""
        self.conventions = [c for c in self.conventions if c in other.conventions]
        self._add_units(other.units)
        self.dotted |= other.dotted
        self.bracketed &= other.bracketed
        self.padded &= other.padded
        self.conflict = self.conflict or other.conflict

    @property
    def decimals(self) -> set[str]:
        """The decimal marks that parse all numbers."""
        return {convention[1] for convention in self.conventions}

    @property
    def unit(self) -> str:
        """The common unit of the numbers that have one; "" without any."""
        return next(iter(self.units - {""}), "")

    @property
    def mixed_units(self) -> list[str]:
        """The units, if they cannot be compared: two units, or % and none."""
        distinct_texts = self.units - {""}
        mixed = len(distinct_texts) > 1 or (len(self.units) > 1 and not is_currency(self.unit))
        return sorted(self.units) if mixed else []

    @property
    def common_units(self) -> bool:
        """Whether all units are known, so that the texts are not codes or names."""
        words = (re.sub(f"^{_CURRENCY}", "", unit) for unit in self.units)
        return all(word in _LETTERS or word.casefold() in _COMMON.split() for word in words)


def _as_comma(dotted: pl.Series, convention: str) -> pl.Series:
    """Return plain numbers with a point; null if the convention has another decimal mark."""
    if convention[0] != ".":
        return dotted.clear(1)
    distinct = dotted.head(_FEW)
    distinct_texts = distinct if not distinct.str.contains(_THOUSANDS).all() else dotted
    return distinct_texts.set(~distinct_texts.str.contains(_THOUSANDS), None)
