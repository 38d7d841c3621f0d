"""``neglog report``: the page of a run, written again."""

from __future__ import annotations

from pathlib import Path

from neglog.cli.speak import CONVERGED, Output


def report(folder: Path, /, *, out: Path | None = None) -> int:
    """Write report.html again from a run that `neglog fit --out` wrote.

    Parameters
    ----------
    folder
        The folder of the run.
    out
        A file for the page, instead of report.html in that folder.
    """
    from neglog.fitting.files import write_file
    from neglog.fitting.reopen import reopen
    from neglog.fitting.save import REPORT
    from neglog.report.page import html_page

    path = out or folder / REPORT
    write_file(html_page(reopen(folder)).encode(), path)
    Output().print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    return CONVERGED
