"""The folder of a run, shared by the command line and `neglog.fit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neglog.errors import FitError
from neglog.errors.options import CheckpointError, OutputFolderError
from neglog.fitting.likelihoods.own import only_here
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.options.fit_options import Options
from neglog.fitting.options.option_checks import check_combinations
from neglog.fitting.results import save
from neglog.fitting.results.fit import Fit
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.solve import fit_table
from neglog.fitting.tables.table import Table
from neglog.report.fit_summary import Summary

_SECONDS = 5.0  # between the checkpoints of a short epoch, so that writing them costs little


@dataclass(frozen=True)
class RunFolder:
    """The output folder of a fit, and its checkpoint.

    Attributes:
        out: the folder; None for none.
        checkpoint: its file; by default one in the folder.
        resume: whether to resume from the checkpoint, if it exists.
        overwrite: whether the folder may hold something else, and whether an old checkpoint goes.
        predictions: ``"csv"`` or ``"parquet"``, what the predictions are written as.
    """

    out: Path | None = None
    checkpoint: Path | None = None
    resume: bool = False
    overwrite: bool = False
    predictions: str = "csv"

    def check(self, options: Options) -> None:
        """Refuse unwritable output and unusable checkpoints before any row is read.

        Raises:
            FitError: the folder or the checkpoint is not as it should be.
        """
        check_combinations(vars(self), options)
        if self.out is not None:
            save.check(self.out, self.overwrite)
        path = self._file()
        if path is not None and path.exists() and not (self.resume or self.overwrite):
            raise CheckpointError(
                f"there is a checkpoint {path} of a training that did not end; go on from it with "
                "--resume, or start again with --overwrite."
            )

    def fit(self, table: Table, name: str, options: Options, listener: Listener) -> Fit:
        """Fit a table; write checkpoints during long fits.

        Raises:
            FitError: it cannot be fitted; then nothing is left behind.
        """
        path = None if options.newton else self._file()
        if path is None:
            return fit_table(table, name, options, listener)
        if self.overwrite and not self.resume:
            self._remove(path)
        made = [folder for folder in path.parents if not folder.exists()]
        there = path.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            checkpoint = Checkpoint(path, resume=self.resume, seconds=_SECONDS)
            return fit_table(table, name, options, listener, checkpoint)
        except OSError as error:
            reason = error.strerror or error
            raise OutputFolderError(f"{path.parent} cannot be written ({reason}).") from None
        except FitError:
            if not there:
                self._remove(path)
                for folder in made:
                    folder.rmdir()
            raise

    def write(self, result: Fit, others: Mapping[str, Any]) -> list[Path]:
        """Write the run, if it has a folder, and remove its checkpoint.

        Args:
            result: the fit.
            others: as in `config_file.text`.

        Raises:
            FitError: it cannot be written.
        """
        if self.out is None or not result.data.first:
            return []
        result.notes.extend(only_here(result.options.likelihood))
        known = {"out": str(self.out), "predictions": self.predictions, **others}
        if self.checkpoint is not None:
            known["checkpoint"] = str(self.checkpoint)
        from neglog.report.page import html_page  # matplotlib and sympy

        content = save.files(result, known, self.predictions)
        content[save.SUMMARY] = f"{Summary(result)}\n\n{result.outcome}\n".encode()
        content[save.REPORT] = html_page(result).encode()
        written = save.write(content, self.out)
        path = self._file()
        if path is not None and not result.interrupted:
            self._remove(path)
        return written

    def _file(self) -> Path | None:
        if self.checkpoint is not None or self.out is None:
            return self.checkpoint
        return self.out / save.CHECKPOINT

    @staticmethod
    def _remove(path: Path) -> None:
        for file in (path, *path.parent.glob(f"{path.stem}-*{path.suffix}*")):
            file.unlink(missing_ok=True)
