"""``neglog explain``: derive a likelihood's loss step by step."""

from __future__ import annotations

from pathlib import Path

from neglog.cli.output import CONVERGED, Output


def explain(
    name: str,
    /,
    *values: str,
    z: str | None = None,
    y: str | None = None,
    html: Path | None = None,
) -> int:
    """Derive the loss of any likelihood step by step, and evaluate it on numbers.

    Exit status: 0 for success; 2 if it could not be explained; 130 after Ctrl-C.

    Parameters
    ----------
    name
        The likelihood, such as bernoulli, poisson or huber; file.py:Name or module:Name for one of
        your own.
    values
        The numbers to evaluate, by the names of the inputs, given tensors, settings, options and
        the target y, such as mean=0.3 delta=1 y=2, margin=0.5 or ties=breslow. Commas separate
        samples, semicolons rows of logits. By default an example.
    z
        The model's output, for a likelihood with one input. Write --z=-1 for a leading minus.
    y
        The targets, one per sample.
    html
        Write the derivation to this file as an HTML page.
    """
    from neglog.explain import run
    from neglog.explain.values import by_name

    run(name, z, y, html, Output(), by_name(values))
    return CONVERGED
