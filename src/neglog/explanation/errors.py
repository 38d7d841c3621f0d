"""What `neglog explain NL402` says of a kind of error."""

from __future__ import annotations

from neglog.errors.kinds import kinds
from neglog.report.document import Code, Document, Section, Text


def document(code: str) -> Document | None:
    """Return the page of the kind with this code, or None."""
    kind = kinds().get(code.upper())
    if kind is None:
        return None
    sections = [
        Section("Cause", [Text(kind.cause)]),
        Section("Remedy", [Text(kind.remedy)]),
        Section("Example", [Code(kind.example)]),
    ]
    return Document(f"{kind.code}: {kind.__name__}", kind.__doc__ or "", sections)
