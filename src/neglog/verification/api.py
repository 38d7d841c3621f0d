"""`neglog.verify`: what a user reads before training with a declaration."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neglog.errors import listed, sentence
from neglog.errors.declaring import VerificationError
from neglog.finding import find
from neglog.likelihood import Likelihood
from neglog.report.document import Code, Document, Section, Text
from neglog.verification import derivatives, ends, exactness, finite, points, speed, totals
from neglog.verification.findings import WRONG, Finding, Result
from neglog.verification.subject import Subject

DEFAULT = 0.75  # valid as a scale, a shape and a level
DEFAULTS = {"eps": 1e-30}  # a floor, which the likelihood does not have


@dataclass(frozen=True)
class Verification:
    """The results of verifying a declaration.

    Attributes:
        name: of the declaration.
        settings: the numbers of its settings.
        assumed: whether these were chosen by `verify`.
        results: one for each check.
        seconds: how long it took.
    """

    name: str
    settings: dict[str, float]
    assumed: bool
    source: str
    results: list[Result]
    seconds: float

    @property
    def findings(self) -> list[Finding]:
        """Return all faults."""
        return [finding for result in self.results for finding in result.findings]

    @property
    def passed(self) -> bool:
        """Return whether nothing is wrong; weak points do not count."""
        return not any(finding.level == WRONG for finding in self.findings)

    def document(self) -> Document:
        """Return the page."""
        wrong = sum(finding.level == WRONG for finding in self.findings)
        weak = len(self.findings) - wrong
        verdict = f"{wrong} wrong, {weak} weak" if self.findings else "nothing wrong, nothing weak"
        lead = f"Verified in {self.seconds:.1f} s: {verdict}."
        sections = [Section("The formula", [Code(self.source), *self._notes()])]
        for result in self.results:
            parts: list[Any] = [Text(words) for words in result.words]
            parts += [result.table] if result.table is not None else []
            parts += [
                Text(str(finding), "bad" if finding.level == WRONG else "")
                for finding in result.findings
            ]
            parts += [] if result.findings else [Text("No fault.", "good")]
            sections.append(Section(result.heading, parts))
        return Document(f"{self.name}: {'verified' if self.passed else 'wrong'}", lead, sections)

    def _notes(self) -> list[Text]:
        if not self.settings:
            return []
        numbers = ", ".join(f"{name} = {value:g}" for name, value in self.settings.items())
        name = next(iter(self.settings))
        chosen = f"; pass {name}=NUMBER to choose them" if self.assumed else ""
        return [Text(f"Verified with {numbers}{chosen}.")]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as numbers, text, lists and dictionaries."""
        return {
            "name": self.name,
            "passed": self.passed,
            "settings": self.settings,
            "assumed_settings": self.assumed,
            "seconds": self.seconds,
            "findings": [vars(finding) for finding in self.findings],
            "checks": {result.heading: result.data for result in self.results},
        }

    def to_html(self, path: Path | str) -> None:
        """Write the page as a self-contained HTML file."""
        from neglog.report.page import document_page, write

        write(document_page(self.document()), Path(path))

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        from neglog.report.terminal import show

        text = StringIO()
        show(self.document(), Console(file=text, width=100, force_jupyter=False))
        return text.getvalue()


def verify(
    likelihood: type[Likelihood] | str, *, compile: bool = False, **settings: float
) -> Verification:
    """Verify a declared likelihood before training with it.

    Checks that the likelihood sums or integrates to 1 over its support and its score to 0, that
    the derivatives are those of `nll`, how many digits loss and gradient lose and where, the values
    at the ends of the support and at infinity, and how fast the kernel is.

    Args:
        likelihood: the class, ``"file.py:Name"``, ``"module:Name"`` or the name of a built-in one.
        compile: also time torch.compile of the formula, whose compilation takes 5 to 20 s.
        settings: a number for each of the declaration's settings; by default 0.75.

    Returns:
        The results. ``passed`` is false if anything is wrong; `print` shows the page, `to_html`
        writes it.

    Raises:
        ArgumentError: a setting is unknown or missing, or there is no such declaration.
    """
    started = time.perf_counter()
    likelihood = find(likelihood)
    subject = Subject(likelihood, _numbers(likelihood, settings))
    drawn = points.drawn(subject)
    empty = [regime for regime, found in drawn.items() if not found]
    if empty:
        remedy = "state domains and a support of neglog.support"
        found = f"none was found in the regime {empty[0]!r}"
        raise VerificationError(sentence("verify requires valid points", found, remedy=remedy))
    results = _checked(subject, drawn, compile)
    named = dict(zip(likelihood.settings, subject.settings, strict=True))
    seconds = time.perf_counter() - started
    return Verification(likelihood.__name__, named, not settings, subject.text(), results, seconds)


def _checked(subject: Subject, drawn: finite.Points, compile: bool) -> list[Result]:
    """Return the results of all checks; of the first alone if the loss is finite too rarely."""
    first, kept = finite.finite(subject, drawn)
    if not all(kept.values()):
        return [first]
    return [
        first,
        *([] if first.findings else [totals.totals(subject, kept)]),
        derivatives.derivatives(subject, kept),
        exactness.exactness(subject, kept),
        ends.ends(subject, kept),
        speed.speed(subject, kept, compile),
    ]


def numbers_of(texts: Sequence[str]) -> dict[str, float]:
    """Return the settings that are written as ``name=number``.

    >>> numbers_of(["df=4"])
    {'df': 4.0}
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            expected = "a setting is written as name=number, such as df=4"
            raise VerificationError(sentence(expected, f"{text!r} is not")) from None
        if name in found:
            raise VerificationError(
                sentence("each setting must be passed once", f"{name} is twice")
            )
        found[name] = value
    return found


def _numbers(likelihood: type[Likelihood], settings: dict[str, float]) -> tuple[float, ...]:
    unknown = [name for name in settings if name not in likelihood.settings]
    if unknown:
        known = listed(list(likelihood.settings)) or "none"
        expected = f"{likelihood.__name__} has the settings {known}"
        raise VerificationError(
            sentence(expected, f"{unknown[0]!r} was passed", remedy="remove it")
        )
    for name, value in settings.items():
        if not math.isfinite(value):
            raise VerificationError(sentence(f"{name} must be a finite number", f"it is {value}"))
    missing = [name for name in likelihood.settings if name not in settings]
    if settings and missing:
        expected = f"verify takes a number for each setting of {likelihood.__name__}"
        remedy = f"pass {missing[0]}=NUMBER"
        raise VerificationError(sentence(expected, f"{missing[0]} was not passed", remedy=remedy))
    return tuple(
        float(settings.get(name, DEFAULTS.get(name, DEFAULT))) for name in likelihood.settings
    )
