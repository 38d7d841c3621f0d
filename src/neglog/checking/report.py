"""The report of a check: its findings, most serious first, and their output."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

CERTAINTIES = ("certain", "near certain", "heuristic")

# Messages of torch, neglog and custom criteria may hold characters that a terminal lacks.
_ASCII = str.maketrans({"−": "-", "…": "...", "·": "*", "×": "x", "≥": ">=", "≤": "<="})
_NARROWEST = 30


@dataclass(frozen=True)
class Finding:
    """One problem, certain or suspected.

    Attributes:
        code: a short name, for filters and searches.
        certainty: "certain", "near certain" or "heuristic".
        what: the problem, in one sentence.
        evidence: counts and first positions.
        consequence: the effect on the training, in numbers.
        fix: what to change, in one line.

    >>> Finding("all-ignored", "certain", "No label counts.", "8 of 8 are -100", "nan", "mask").code
    'all-ignored'
    """

    code: str
    certainty: str
    what: str
    evidence: str
    consequence: str
    fix: str

    def text(self, width: int) -> str:
        """Return the finding as lines of at most this width."""
        lines = [_wrapped(f"[{self.certainty}] {self.code}: {self.what}", "", "  ", width)]
        for label in ("evidence", "consequence", "fix"):
            head = f"  {label + ':':<12} "
            indent = " " * (len(head) if width >= 2 * _NARROWEST else 4)
            lines.append(_wrapped(head + getattr(self, label), "", indent, width))
        return "\n".join(lines)


class Report(Sequence[Finding]):
    """The findings of one check, most serious first.

    Attributes:
        subject: a description of the checked objects.
        skipped: the rules that could not be applied to this input.
        unseen: descriptions of what was not checked.

    >>> print(Report((), "MSELoss on a batch"))
    neglog.check looked at MSELoss on a batch and found nothing wrong.
    """

    def __init__(
        self,
        findings: Iterable[Finding],
        subject: str,
        skipped: Iterable[str] = (),
        unseen: Iterable[str] = (),
    ) -> None:
        self._findings = tuple(findings)
        self.subject = subject
        self.skipped = tuple(sorted(skipped))
        self.unseen = tuple(unseen)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self._findings[index]

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def __repr__(self) -> str:
        return f"Report({', '.join(finding.code for finding in self) or 'nothing found'})"

    def __str__(self) -> str:
        return self.text()

    def at_least(self, certainty: str) -> Report:
        """Return the findings that are at least as certain, one of `CERTAINTIES`."""
        rank = CERTAINTIES.index(certainty)
        kept = (f for f in self if CERTAINTIES.index(f.certainty) <= rank)
        return Report(kept, self.subject, self.skipped, self.unseen)

    def text(self, width: int | None = None, encoding: str | None = None) -> str:
        """Return the report as plain text.

        Args:
            width: the longest line; the terminal's width by default.
            encoding: the output's encoding; standard output's by default.

        Returns:
            One line if nothing was found, otherwise a paragraph for each finding.

        >>> Report((), "a batch").text(width=40).splitlines()
        ['neglog.check looked at a batch and found', 'nothing wrong.']
        """
        width = max(_NARROWEST, width or shutil.get_terminal_size().columns)
        encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
        parts = [
            _wrapped(f"neglog.check looked at {self.subject} {self._verdict()}", "", "", width)
        ]
        parts += [finding.text(width) for finding in self]
        if self.skipped:
            names = ", ".join(self.skipped)
            parts.append(_wrapped(f"Not applicable to this input: {names}.", "", "  ", width))
        if self.unseen:
            words = f"Not checked: {'; '.join(self.unseen)}."
            parts.append(_wrapped(words, "", "  ", width))
        return _encodable("\n\n".join(parts), encoding)

    def _verdict(self) -> str:
        if not self:
            return "and found nothing wrong."
        counts = [(sum(f.certainty == c for f in self), c) for c in CERTAINTIES]
        words = ", ".join(f"{count} {certainty}" for count, certainty in counts if count)
        return f"and found {len(self)} thing{'s'[: len(self) != 1]} ({words}):"


def _wrapped(text: str, first: str, rest: str, width: int) -> str:
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
    return "\n".join(lines)


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
