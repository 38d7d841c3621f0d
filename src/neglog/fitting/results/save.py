"""Save a run: configuration, model, tables and report, atomically."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import safetensors
import safetensors.torch
import torch

from neglog._version import __version__
from neglog.errors.declaring import UnknownLikelihoodError
from neglog.errors.options import ModelFileError
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.target import Target
from neglog.fitting.network import standardise
from neglog.fitting.options import config_file
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction import members
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.results import atomic_files
from neglog.fitting.results.fit import Fit
from neglog.fitting.results.streamed_predictions import predictions as streamed
from neglog.fitting.results.streamed_predictions import write_csv

CONFIG, MODEL, CHECKPOINT = "config.toml", "model.safetensors", "checkpoint.safetensors"
COEFFICIENTS, HISTORY, SUMMARY = "coefficients.csv", "history.csv", "summary.txt"
PREDICTIONS = {"csv": "predictions.csv", "parquet": "predictions.parquet"}
REPORT = "report.html"
FIT_FIELDS = (
    "model_text",
    "optimizer",
    "outcome",
    "converged",
    "step",
    "gradient_norm",
    "decrement",
    "notes",
    "interrupted",
    "at_infinity",
    "null_loss",
)
COEFFICIENT_FIELDS = ("names", "kind", "freedom", "level")
RUN = (CONFIG, MODEL, COEFFICIENTS, HISTORY, *PREDICTIONS.values(), SUMMARY, REPORT)
_FORMAT = 6
_RESPONSE_FIELDS = ("outputs", "base", "centre", "spread")


@dataclass(frozen=True)
class Saved:
    """A saved model that can predict."""

    fitted: Fitted
    design: Design
    options: Options
    facts: dict[str, Any]
    tensors: dict[str, torch.Tensor]


def check(folder: Path, overwrite: bool = False) -> None:
    """Refuse an unwritable folder before the fit starts.

    Raises:
        FitError: it is a file, may not be written, or holds something else than a run.
    """
    atomic_files.check(folder, (*RUN, CHECKPOINT), overwrite)


def files(
    result: Fit,
    others: Mapping[str, Any] | None = None,
    predicted: str = "csv",
) -> dict[str, atomic_files.Content]:
    """Return the files of a run by name, except summary and report.

    Args:
        result: the fit.
        others: as in `config_file.text`.
        predicted: ``"csv"`` or ``"parquet"``, the format of the predictions.
    """
    content: dict[str, atomic_files.Content] = {
        CONFIG: config_file.text(result.options, others or {}).encode(),
        MODEL: model_bytes(result),
        HISTORY: _history(result).write_csv().encode(),
        PREDICTIONS[predicted]: _predictions(result, predicted),
    }
    if result.coefficients is not None:
        content[COEFFICIENTS] = result.coefficients.frame().write_csv().encode()
    return content


def write(content: Mapping[str, atomic_files.Content], folder: Path) -> list[Path]:
    """Write the files of a run into a folder; return their paths.

    Args:
        content: by name.
        folder: where; the files of an earlier run are replaced.

    Raises:
        FitError: the disk is full, or refuses for another reason; then nothing is written.
    """
    ordered = {name: content[name] for name in RUN if name in content}
    return atomic_files.write_files(ordered, folder, stale=RUN)


def _predictions(result: Fit, kind: str) -> atomic_files.Content:
    if result.data.whole:
        return table_bytes(predictions(result), kind)
    return lambda path: write_csv(streamed(result), path)


def table_bytes(frame: pl.DataFrame, kind: str) -> bytes:
    """Return a table as CSV or Parquet."""
    if kind == "csv":
        return frame.write_csv().encode()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _history(result: Fit) -> pl.DataFrame:
    steps = [dataclasses.astuple(epoch) for epoch in result.history]
    columns = {"step": pl.Int64, "training_nats": pl.Float64, "validation_nats": pl.Float64}
    return pl.DataFrame(steps, schema=columns, orient="row")


def predictions(result: Fit) -> pl.DataFrame:
    """Return the predictions of all rows, in table order."""
    parts = [
        rows.frame(result.classes).insert_column(
            1, pl.Series("split", [split] * len(rows.index), dtype=pl.String)
        )
        for split, rows in (("training", result.training), ("validation", result.validation))
    ]
    return pl.concat(parts).sort("row")


def model_bytes(result: Fit) -> bytes:
    """Serialise the model."""
    fitted, response = result.fitted, result.fitted.response
    facts = {
        "format": _FORMAT,
        "neglog": __version__,
        "torch": torch.__version__,
        "source": result.source,
        "target": dataclasses.asdict(fitted.target),
        "options": dataclasses.asdict(result.options),
        "features": result.features,
        "response": {name: getattr(response, name, None) for name in _RESPONSE_FIELDS},
        "shared": fitted.shared.tolist(),
        "dispersion": fitted.dispersion,
        "design": result.design.to_json(),
        "fit": {name: getattr(result, name) for name in FIT_FIELDS},
    }
    tensors = {name: t.contiguous() for name, t in result.model.state_dict().items()}
    if fitted.members is not None:
        tensors |= fitted.members.tensors()
    if (table := result.coefficients) is not None:
        facts["coefficients"] = {name: getattr(table, name) for name in COEFFICIENT_FIELDS}
        facts["statistics"] = dataclasses.asdict(result.statistics)
        tensors["coefficients.estimate"] = torch.from_numpy(table.estimate).contiguous()
        tensors["coefficients.deviations"] = torch.from_numpy(result.deviations).contiguous()
        tensors["coefficients.error"] = torch.from_numpy(table.error).contiguous()
        tensors["coefficients.correlation"] = torch.from_numpy(table.correlation).contiguous()
    return safetensors.torch.save(tensors, {"neglog": json.dumps(facts, ensure_ascii=False)})


def _facts(metadata: dict[str, str]) -> dict[str, Any]:
    """Return the metadata of the weights; {} if it is unreadable."""
    try:
        facts = json.loads(metadata.get("neglog", "{}"))
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def read(folder: Path) -> Saved:
    """Read a saved run.

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
        raise ModelFileError(f"there is no model at {path}; {remedy}.") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{path} cannot be read as a model ({error}).") from None
    if facts.get("format") != _FORMAT:
        by = ""
        if "neglog" in facts:
            by = f", but by {facts['neglog']} in format {facts.get('format')}, not {_FORMAT}"
        raise ModelFileError(
            f"{path} was not written by this version of neglog, {__version__}{by}; use the "
            "one that wrote it, or fit it again."
        )
    try:
        return _saved(facts, tensors)
    except UnknownLikelihoodError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        raise ModelFileError(
            f"{path} is damaged: its parts do not fit together; fit it again."
        ) from None


def _saved(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Saved:
    options, target = Options(**facts["options"]), Target(**facts["target"])
    count, stored_response = len(target.classes or ()), facts["response"]
    response = target.facts.response(count, stored_response["base"] or 0, options)
    response_fields = {
        name: value for name, value in stored_response.items() if hasattr(response, name)
    }
    response = dataclasses.replace(response, **response_fields)
    table = {name: t for name, t in tensors.items() if name.startswith("coefficients.")}
    network_tensors, member_tensors = members.split(
        {n: t for n, t in tensors.items() if n not in table}
    )
    if not all(bool(t.isfinite().all()) for name, t in tensors.items() if name not in table):
        raise ValueError("weights that are no numbers")
    shared = torch.tensor(facts["shared"], dtype=torch.float64)
    ensemble = None
    if member_tensors:
        networks = tuple(_network(options, response.outputs, state) for state in member_tensors)
        ensemble = members.Members(networks, options.bootstrap is not None, options.level)
    model = _network(options, response.outputs, network_tensors)
    fitted = Fitted(model, target, response, shared, facts["dispersion"], ensemble)
    return Saved(fitted, Design.from_json(facts["design"]), options, facts, table)


def _network(options: Options, outputs: int, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    units = standardise.Standardise(state["0.mean"], state["0.scale"])
    model = options.architecture.build(units, outputs, seed=0)
    model.load_state_dict(state)
    return model.requires_grad_(False).eval()
