"""``neglog report``: write the report of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neglog.cli.output import CONVERGED, Output
from neglog.translation import gettext as _

Flag = Annotated[bool, Parameter(negative=())]


def report(folder: Path, /, *, out: Path | None = None, centred: Flag = False) -> int:
    """Write report.html again from a run that `neglog fit --out` wrote.

    Parameters
    ----------
    folder
        The folder of the run.
    out
        Write the page to this file instead of report.html in the folder.
    centred
        Show weights of all classes, which sum to 0 for each feature, instead of weights relative
        to a reference class.
    """
    from neglog.fitting.results.atomic_files import write_file
    from neglog.fitting.results.reopen import reopen
    from neglog.fitting.results.save import REPORT
    from neglog.report.page import html_page

    path, found = out or folder / REPORT, reopen(folder)
    write_file(html_page(found.centred() if centred else found).encode(), path)
    Output().print(
        _("wrote {path}").format(path=path), markup=False, highlight=False, soft_wrap=True
    )
    return CONVERGED
