"""``neglog explain``: derive a likelihood's loss step by step."""

from __future__ import annotations

from pathlib import Path

from neglog.cli.output import CONVERGED, Output


def explain(
    name: str,
    /,
    *,
    z: str | None = None,
    y: str | None = None,
    html: Path | None = None,
) -> int:
    """Derive a likelihood's loss step by step, with tables of values.

    Parameters
    ----------
    name
        The likelihood, such as bernoulli, categorical or normal.
    z
        The model's output, such as 2.0, or 2.0,-1.5 for several rows; semicolons separate rows of
        logits. Write --z=-1 for a leading minus.
    y
        The targets, one per row.
    html
        Write the derivation to this file as an HTML page.
    """
    from neglog.explain import run

    run(name, z, y, html, Output())
    return CONVERGED
