"""The planted faults fit the source; to plant them takes longer: `make mutants`."""

from __future__ import annotations

from mutants import SOURCE
from planted import FAULTS


def test_each_planted_text_occurs_as_often_as_it_says() -> None:
    """A change of the source that makes a fault impossible to plant must change the fault too."""
    misses = [
        (fault.file, fault.what, found)
        for fault in FAULTS
        if (found := (SOURCE / "neglog" / fault.file).read_text("utf-8").count(fault.old))
        != fault.times
    ]
    assert not misses
    assert all(fault.old != fault.new for fault in FAULTS)
