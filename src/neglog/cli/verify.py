"""``neglog verify``: whether a declared likelihood is right, exact and fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neglog.cli.output import CONVERGED, NOT_CONVERGED, Output, write_json


def verify(
    likelihood: str,
    /,
    *settings: str,
    json: Annotated[bool, Parameter(negative="")] = False,
    html: Path | None = None,
    compile: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Verify a declared likelihood before training with it.

    Exit status: 0 if nothing is wrong; 1 if something is; 2 if it could not be verified; 130 after
    Ctrl-C.

    Parameters
    ----------
    likelihood
        The declaration: file.py:Name, module:Name, or the name of a built-in one.
    settings
        A number for each of its settings, such as df=4; by default 0.75.
    json
        Print the results as JSON; if it could not be verified, an object with the key error.
    html
        Write the page to this file as HTML.
    compile
        Also time torch.compile of the formula, whose compilation takes 5 to 20 s.
    """
    from neglog.report.terminal import show
    from neglog.verification.api import numbers_of, verify

    found = verify(likelihood, compile=compile, **numbers_of(settings))
    if html is not None:
        found.to_html(html)
    if json:
        write_json(found.as_dict())
    else:
        show(found.document(), Output())
    return CONVERGED if found.passed else NOT_CONVERGED
