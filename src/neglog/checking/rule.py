"""Declare rules and apply them.

A rule is one function of a batch (or of a training set-up) that returns its evidence, or None.
The decorator gives it its code, its rank and the losses it knows; nothing else registers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from neglog.checking.report import CERTAINTIES, Finding

if TYPE_CHECKING:
    from neglog.checking.batch import CheckedBatch
    from neglog.checking.setup import Setup


class Severity(IntEnum):
    """The effect of a mistake, the worst first: the order of findings of equal certainty."""

    BREAKS = 0  # an exception, NaN or infinity
    BLIND = 1  # nothing is trained
    WRONG = 2  # something else is learnt
    UNEVEN = 3  # rows count differently from what was meant
    SYMPTOM = 4  # a sign of a mistake that no other rule has explained
    NOTE = 5


@dataclass(frozen=True)
class RuleResult:
    """The result of a rule: a `Finding` without its code."""

    certainty: str
    what: str
    evidence: str
    consequence: str
    fix: str


BatchTest: TypeAlias = "Callable[[CheckedBatch], RuleResult | None]"
SetupTest: TypeAlias = "Callable[[Setup], RuleResult | None]"


@dataclass(frozen=True)
class BatchRule:
    """A rule about one batch, and the kinds of loss it is about; none for all."""

    code: str
    severity: Severity
    kinds: tuple[str, ...]
    test: BatchTest
    of_outcome: bool = False  # looks at nothing but what the loss returned


@dataclass(frozen=True)
class SetupRule:
    """A rule about a model, a loss and a loader together."""

    code: str
    severity: Severity
    test: SetupTest


BATCH_RULES: list[BatchRule] = []
SETUP_RULES: list[SetupRule] = []


def batch_rule(
    code: str, severity: Severity, *kinds: str, of_outcome: bool = False
) -> Callable[[BatchTest], BatchTest]:
    """Register a function of a `CheckedBatch` as a rule."""

    def register(test: BatchTest) -> BatchTest:
        BATCH_RULES.append(BatchRule(code, severity, kinds, test, of_outcome))
        return test

    return register


def setup_rule(code: str, severity: Severity) -> Callable[[SetupTest], SetupTest]:
    """Register a function of a `Setup` as a rule."""

    def register(test: SetupTest) -> SetupTest:
        SETUP_RULES.append(SetupRule(code, severity, test))
        return test

    return register


class Findings:
    """Collect the results of the rules, one finding per code, in order."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Severity, RuleResult, int]] = {}
        self.skipped: set[str] = set()

    def apply(self, rules: Iterable[BatchRule], batch: CheckedBatch) -> None:
        """Apply the rules that know the batch's loss."""
        for rule in rules:
            if batch.is_structure and not rule.of_outcome:
                continue
            if not rule.kinds or batch.criterion.kind in rule.kinds:
                self._apply(rule.code, rule.severity, partial(rule.test, batch), 1)

    def apply_to_setup(self, rules: Iterable[SetupRule], setup: Setup) -> None:
        """Apply the rules about the whole."""
        for rule in rules:
            self._apply(rule.code, rule.severity, partial(rule.test, setup), 0)

    def _apply(
        self, code: str, severity: Severity, test: Callable[[], RuleResult | None], counts: int
    ) -> None:
        try:
            result = test()
        except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError):
            # A tensor may be sparse, quantised, on the meta device …: a check must not crash.
            self.skipped.add(code)
            return
        if result is None:
            return
        _, first, times = self._found.get(code, (severity, result, 0))
        self._found[code] = (severity, first, times + counts)

    def ordered(self, batches: int) -> list[Finding]:
        """Return the findings, most serious first; symptoms only if no cause was found."""
        explained = any(
            severity < Severity.SYMPTOM and result.certainty != "heuristic"
            for severity, result, _ in self._found.values()
        )
        kept = [
            (CERTAINTIES.index(result.certainty), severity, _finding(code, result, times, batches))
            for code, (severity, result, times) in self._found.items()
            if severity != Severity.SYMPTOM or not explained
        ]
        kept.sort(key=lambda entry: entry[:2])  # stable: inside, the order of the rules
        findings = [finding for *_, finding in kept]
        if explained and "criterion-raises" in self._found:
            exception_text = self._found["criterion-raises"][1].evidence.rstrip(".")
            first_finding = findings[0]
            # The evidence of neglog's own losses is the text of the exception.
            if exception_text.partition(": ")[2][:40] not in first_finding.evidence:
                consequence = f"{first_finding.consequence}; the criterion says: {exception_text}"
                findings[0] = replace(first_finding, consequence=consequence)
        return findings


def _finding(code: str, result: RuleResult, times: int, batches: int) -> Finding:
    frequency = ""
    times = min(times, batches)  # a batch may have several losses
    if times and batches > 1:
        frequency = f" (in {times} of {batches} batches; this is the first)"
    evidence = result.evidence.rstrip(".") + frequency
    return Finding(code, result.certainty, result.what, evidence, result.consequence, result.fix)
