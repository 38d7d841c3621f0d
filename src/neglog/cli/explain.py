"""``neglog explain``: a likelihood's loss, step by step."""

from __future__ import annotations

from pathlib import Path

from neglog.cli.speak import CONVERGED, Output


def explain(
    name: str,
    /,
    *,
    z: str | None = None,
    y: str | None = None,
    html: Path | None = None,
) -> int:
    """Derive a likelihood's loss step by step, with its tables.

    Parameters
    ----------
    name
        The likelihood, such as bernoulli, categorical or normal.
    z
        What the network emits, such as 2.0 or, for several rows, 2.0,-1.5; rows of logits are set
        apart by semicolons. Write --z=-1 for a leading minus.
    y
        As many targets.
    html
        A file for the derivation as a page.
    """
    from neglog.explain import run

    run(name, z, y, html, Output())
    return CONVERGED
