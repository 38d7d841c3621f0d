"""The source uses the terms of the glossary in CONTRIBUTING.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REFUSED = (
    r"strangers?",
    r"told",
    r"wants?",
    r"goes by keyword",
    r"mend(s|ed)?",
    r"torch's words",
    r"takes? note",
    r"hears?( of)?",
    r"by heart",
    r"what it emits",
    r"made ready",
    r"amiss",
    r"judges?",
    r"speaks?",
    r"short(cut| way)",
    r"the long way",
    r"in pieces",
    r"brain",
    r"(?<!there )is no (tensor|class|model|option|file|finite|expression|checkpoint|part)",
    r"goes on to infinity",
    r"leaves with 0",
    r"tell whether",
    r"so many of",
)
PATTERN = re.compile(rf"\b(?:{'|'.join(REFUSED)})\b", re.IGNORECASE)
SOURCES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("phrase", ["is told", "Tell whether", "is no tensor", "takes note of"])
def test_old_terms_are_recognised(phrase):
    assert PATTERN.search(phrase)


def test_the_source_avoids_old_terms():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (match := PATTERN.search(line))
    ]
    assert not found, "\n".join(found)
