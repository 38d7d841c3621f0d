"""What a check returns: findings, a table and data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from neglog.report.document import Table

WRONG, WEAK = "wrong", "weak"


@dataclass(frozen=True)
class Finding:
    """A fault of a declaration.

    Attributes:
        level: "wrong", with which verification fails, or "weak".
        check: the check that found it.
        message: the fault, where it is, and the remedy.
        point: the arguments at which it was found.
    """

    level: str
    check: str
    message: str
    point: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.level}: {self.message}"


@dataclass
class Result:
    """The result of one check.

    Attributes:
        heading: what is checked.
        findings: the faults.
        words: sentences for the reader.
        table: numbers.
        data: the same for a program.
    """

    heading: str
    findings: list[Finding] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    table: Table | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def add(self, level: str, message: str, point: dict[str, float] | None = None) -> None:
        """Add a fault."""
        self.findings.append(Finding(level, self.heading, message, point or {}))
