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
    p: str | None = None,
    html: Path | None = None,
    plot: bool | None = None,
    lang: str | None = None,
) -> int:
    """Derive the loss of any likelihood step by step, and evaluate it on numbers.

    Exit status: 0 for success; 2 if it could not be explained; 130 after Ctrl-C.

    Parameters
    ----------
    name
        The likelihood, such as bernoulli, poisson or huber; file.py:Name or module:Name for one of
        your own. Or the code of an error, such as NL402.
    values
        The numbers to evaluate, by the names of the inputs, given tensors, settings, options and
        the target y, such as mean=0.3 delta=1 y=2, margin=0.5 or ties=breslow. Commas separate
        samples, semicolons rows of logits. By default an example.
    z
        The model's output, for a likelihood with one input. Write --z=-1 for a leading minus.
    y
        The targets, one per sample.
    p
        Probabilities instead of the model's output: of label 1, such as 0.234,0.687, or rows of
        the classes, separated by semicolons.
    html
        Write the derivation to this file as an HTML page, with figures.
    plot
        Print plots; by default on a terminal.
    lang
        The language: en or zh. By default that of the variable NEGLOG_LANG, else English.
    """
    from neglog.explanation import run
    from neglog.explanation.values import by_name

    named = by_name(values if p is None else (*values, f"p={p}"))
    run(name, z, y, html, Output(), named, plot, lang)
    return CONVERGED
