"""A fitted model on disk: its weights, its predictions, its report; all of them or nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import safetensors
import safetensors.torch
import torch

import neglog
from neglog.errors import FitError
from neglog.fitting import models
from neglog.fitting.design import Design
from neglog.fitting.judge import Fitted, Rows
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.targets import Target

MODEL, PREDICTIONS, REPORT = "model.safetensors", "predictions.csv", "report.html"
Content = bytes | Callable[[Path], None]
_FORMAT = 2
_OF_THE_RESPONSE = ("outputs", "base", "centre", "spread")


@dataclass(frozen=True)
class Saved:
    """A model that was read from disk, with what it takes to use it."""

    fitted: Fitted
    design: Design
    options: Options


def check(folder: Path) -> None:
    """Refuse a folder that cannot be written, before any time is spent on a fit."""
    if folder.exists() and not folder.is_dir():
        raise FitError(f"{folder} is a file; --out wants the name of a folder.")
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise FitError(f"{nearest} may not be written; choose another folder for --out.")


def write(result: FitResult, folder: Path) -> list[Path]:
    """Write the model, the predictions and the report into a folder; return their paths.

    Raises:
        FitError: the disk is full, or refuses for another reason; then nothing is written.
    """
    if not result.data.whole:
        from neglog.fitting.scale import write as streamed

        return streamed.write(result, folder)
    from neglog.report.page import html_page

    files: dict[str, Content] = {
        MODEL: model_bytes(result),
        PREDICTIONS: predictions(result).write_csv().encode(),
        REPORT: html_page(result).encode(),
    }
    return write_files(files, folder)


def write_files(files: Mapping[str, Content], folder: Path) -> list[Path]:
    """Write files beside each other; they appear only once all of them are whole.

    Args:
        files: what each contains, or what writes it to a path.
        folder: where to.

    Raises:
        FitError: they cannot be written; then nothing is left behind.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".neglog-", dir=folder) as place:
            for name, content in files.items():
                if callable(content):
                    content(Path(place, name))
                else:
                    Path(place, name).write_bytes(content)
            return [Path(place, name).replace(folder / name) for name in files]
    except OSError as error:
        for path in made:
            if path.exists():
                path.rmdir()
        reason = error.strerror or error
        raise FitError(f"{folder} cannot be written ({reason}); nothing was left there.") from None


def write_file(content: bytes, path: Path) -> None:
    """Write one file; it appears only once it is whole.

    Raises:
        FitError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        raise FitError(f"{path} is no file that could be replaced; choose another name.")
    write_files({path.name: content}, path.absolute().parent)


def predictions(result: FitResult) -> pl.DataFrame:
    """Return every row's prediction, in the order of the table."""
    parts = [
        rows_frame(rows, result.classes).insert_column(
            1, pl.Series("split", [split] * len(rows.index), dtype=pl.String)
        )
        for split, rows in (("training", result.training), ("validation", result.validation))
    ]
    return pl.concat(parts).sort("row")


def rows_frame(rows: Rows, classes: list[Any] | None) -> pl.DataFrame:
    """Return the rows as a table: row, truth, predicted, p[class] …, loss_nats."""
    columns: dict[str, Any] = {
        "row": rows.index,
        "truth": _column(rows.truth, classes),
        "predicted": _column(rows.predicted, classes),
    }
    if rows.probabilities is not None:
        for k, label in enumerate(classes or []):
            columns[f"p[{label}]"] = rows.probabilities[:, k]
    columns["loss_nats"] = rows.loss
    return pl.DataFrame(columns)


def _column(values: np.ndarray[Any, Any], classes: list[Any] | None) -> pl.Series:
    if classes is None:
        return pl.Series(values=values, dtype=pl.Float64).fill_nan(None)
    return pl.Series(values=values.tolist(), dtype=pl.Series(values=classes).dtype)


def model_bytes(result: FitResult) -> bytes:
    """Return the file of the model."""
    fitted, response = result.fitted, result.fitted.response
    facts = {
        "format": _FORMAT,
        "neglog": neglog.__version__,
        "torch": torch.__version__,
        "source": result.source,
        "target": dataclasses.asdict(fitted.target),
        "options": dataclasses.asdict(result.options),
        "features": result.features,
        "response": {name: getattr(response, name, None) for name in _OF_THE_RESPONSE},
        "shared": fitted.shared.tolist(),
        "dispersion": fitted.dispersion,
        "converged": result.converged,
        "design": result.design.to_json(),
    }
    tensors = {name: t.contiguous() for name, t in result.model.state_dict().items()}
    return safetensors.torch.save(tensors, {"neglog": json.dumps(facts, ensure_ascii=False)})


def _facts(metadata: dict[str, str]) -> dict[str, Any]:
    """Return what was written beside the weights; nothing where that is not readable."""
    try:
        facts = json.loads(metadata.get("neglog", "{}"))
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def read(folder: Path) -> Saved:
    """Read what `write` wrote.

    Raises:
        FitError: there is no model in the folder, or none that this neglog can read.
    """
    path = folder / MODEL if folder.is_dir() else folder
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = _facts(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    except FileNotFoundError:
        remedy = "pass the folder that `neglog fit --out` wrote"
        raise FitError(f"there is no model at {path}; {remedy}.") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise FitError(f"{path} is no model that can be read ({error}).") from None
    if facts.get("format") != _FORMAT:
        raise FitError(f"{path} was not written by this version of neglog; fit it again.")
    try:
        return _saved(facts, tensors)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        raise FitError(f"{path} is damaged: its parts do not fit together; fit it again.") from None


def _saved(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Saved:
    options, target = Options(**facts["options"]), Target(**facts["target"])
    count, stated = len(target.classes or ()), facts["response"]
    response = target.facts.make(count, stated["base"] or 0, options)
    known = {name: value for name, value in stated.items() if hasattr(response, name)}
    response = dataclasses.replace(response, **known)
    units = models.Standardise(tensors["0.mean"], tensors["0.scale"])
    model = Architecture(tuple(options.hidden)).build(units, response.outputs, seed=0)
    model.load_state_dict(tensors)
    model.requires_grad_(False).eval()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise ValueError("weights that are no numbers")
    shared = torch.tensor(facts["shared"], dtype=torch.float64)
    fitted = Fitted(model, target, response, shared, facts["dispersion"])
    return Saved(fitted, Design.from_json(facts["design"]), options)
