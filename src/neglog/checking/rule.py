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
    from neglog.checking.batch import Batch
    from neglog.checking.setup import Setup


class Harm(IntEnum):
    """The effect of a mistake, the worst first: the order of findings of equal certainty."""

    BREAKS = 0  # an exception, NaN or infinity
    BLIND = 1  # nothing is trained
    WRONG = 2  # something else is learnt
    UNEVEN = 3  # rows count differently from what was meant
    SYMPTOM = 4  # a sign of a mistake that no other rule has explained
    NOTE = 5


@dataclass(frozen=True)
class Told:
    """The result of a rule: a `Finding` without its code."""

    certainty: str
    what: str
    evidence: str
    consequence: str
    fix: str


BatchTest: TypeAlias = "Callable[[Batch], Told | None]"
SetupTest: TypeAlias = "Callable[[Setup], Told | None]"


@dataclass(frozen=True)
class BatchRule:
    """A rule about one batch, and the kinds of loss it is about; none for all."""

    code: str
    harm: Harm
    kinds: tuple[str, ...]
    test: BatchTest
    of_outcome: bool = False  # looks at nothing but what the loss returned


@dataclass(frozen=True)
class SetupRule:
    """A rule about a model, a loss and a loader together."""

    code: str
    harm: Harm
    test: SetupTest


BATCH_RULES: list[BatchRule] = []
SETUP_RULES: list[SetupRule] = []


def batch_rule(
    code: str, harm: Harm, *kinds: str, of_outcome: bool = False
) -> Callable[[BatchTest], BatchTest]:
    """Register a function of a `Batch` as a rule."""

    def enter(test: BatchTest) -> BatchTest:
        BATCH_RULES.append(BatchRule(code, harm, kinds, test, of_outcome))
        return test

    return enter


def setup_rule(code: str, harm: Harm) -> Callable[[SetupTest], SetupTest]:
    """Register a function of a `Setup` as a rule."""

    def enter(test: SetupTest) -> SetupTest:
        SETUP_RULES.append(SetupRule(code, harm, test))
        return test

    return enter


class Findings:
    """Collect the results of the rules, one finding per code, in order."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Harm, Told, int]] = {}
        self.skipped: set[str] = set()

    def apply(self, rules: Iterable[BatchRule], batch: Batch) -> None:
        """Apply the rules that know the batch's loss."""
        for rule in rules:
            if batch.is_structure and not rule.of_outcome:
                continue
            if not rule.kinds or batch.criterion.kind in rule.kinds:
                self._apply(rule.code, rule.harm, partial(rule.test, batch), 1)

    def apply_to_setup(self, rules: Iterable[SetupRule], setup: Setup) -> None:
        """Apply the rules about the whole."""
        for rule in rules:
            self._apply(rule.code, rule.harm, partial(rule.test, setup), 0)

    def _apply(self, code: str, harm: Harm, ask: Callable[[], Told | None], counts: int) -> None:
        try:
            told = ask()
        except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError):
            # A tensor may be sparse, quantised, on the meta device …: a check must not crash.
            self.skipped.add(code)
            return
        if told is None:
            return
        _, first, times = self._found.get(code, (harm, told, 0))
        self._found[code] = (harm, first, times + counts)

    def ordered(self, batches: int) -> list[Finding]:
        """Return the findings, most serious first; symptoms only if no cause was found."""
        explained = any(
            harm < Harm.SYMPTOM and told.certainty != "heuristic"
            for harm, told, _ in self._found.values()
        )
        kept = [
            (CERTAINTIES.index(told.certainty), harm, _finding(code, told, times, batches))
            for code, (harm, told, times) in self._found.items()
            if harm != Harm.SYMPTOM or not explained
        ]
        kept.sort(key=lambda entry: entry[:2])  # stable: inside, the order of the rules
        findings = [finding for *_, finding in kept]
        if explained and "criterion-raises" in self._found:
            said = self._found["criterion-raises"][1].evidence.rstrip(".")
            worst = findings[0]
            if said.partition(": ")[2][:40] not in worst.evidence:  # neglog's own say the same
                worse = f"{worst.consequence}; the criterion says: {said}"
                findings[0] = replace(worst, consequence=worse)
        return findings


def _finding(code: str, told: Told, times: int, batches: int) -> Finding:
    often = ""
    times = min(times, batches)  # a batch may have several losses
    if times and batches > 1:
        often = f" (in {times} of {batches} batches; this is the first)"
    evidence = told.evidence.rstrip(".") + often
    return Finding(code, told.certainty, told.what, evidence, told.consequence, told.fix)
