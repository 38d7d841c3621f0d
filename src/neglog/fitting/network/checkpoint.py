"""Checkpoints: a killed training resumes and ends with the same bits."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from neglog.errors import FitError
from neglog.errors.options import CheckpointError, FitOptionError
from neglog.fitting.network.tree import pack, unpack

_FORMAT = "neglog training 1"


@dataclass
class Checkpoint:
    """A checkpoint file of a training.

    Attributes:
        path: the file; the one written next appears in its place only once it is whole.
        facts: what the training depends on besides what `train` sees, by name: the targets, the
            weights of rows, the options. Tensors and arrays are compared by their hash, all else
            by how Python writes it.
        resume: whether to resume from the file, if it exists.
        every: after how many epochs it is written again.
        seconds: how long it is left alone after it was written.
        epoch: the epoch it was last written after, or read.
    """

    path: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    every: int = 1
    seconds: float = 0.0
    epoch: int = field(default=0, init=False)
    _time: float = field(default_factory=time.monotonic, init=False)

    def __post_init__(self) -> None:
        """Refuse intervals that are none."""
        if self.every < 1:
            raise FitOptionError(f"every must be 1 epoch or more, but got {self.every!r}.")
        if not self.seconds >= 0:
            raise FitOptionError(f"seconds must be 0 or more, but got {self.seconds!r}.")

    def is_due(self, epoch: int) -> bool:
        """Return whether to write the file after this epoch."""
        waited = time.monotonic() - self._time
        return epoch - self.epoch >= self.every and waited >= self.seconds

    def write(self, state: dict[str, Any], facts: Mapping[str, str], epoch: int) -> None:
        """Write the state of a training atomically.

        Raises:
            FitError: the file cannot be written, or not hold the state.
        """
        plain, tensors = pack(state)
        text = json.dumps({"epoch": epoch, "facts": dict(facts), "state": plain})
        metadata = {"format": _FORMAT, "neglog": text, "sha256": _sum(text, tensors)}
        content = safetensors.torch.save(tensors, metadata)
        partial = self.path.with_name(self.path.name + ".part")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except OSError as error:
            reason = error.strerror or error
            raise CheckpointError(
                f"the checkpoint {self.path} cannot be written ({reason}); choose another file."
            ) from None
        self.epoch, self._time = epoch, time.monotonic()

    def read(self, facts: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the saved state; None to start from the beginning.

        Raises:
            FitError: the file is damaged, belongs to another training, or would be lost.
        """
        if not self.path.exists():
            return None
        if not self.resume:
            raise CheckpointError(
                f"there is a checkpoint {self.path} already; go on from it with --resume, or "
                "remove it."
            )
        text, tensors = self._content()
        whole = json.loads(text)
        _check_same(self.path, whole["facts"], facts)
        state: dict[str, Any] = unpack(whole["state"], tensors)
        self.epoch = whole["epoch"]
        return state

    def _content(self) -> tuple[str, dict[str, Tensor]]:
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name).clone() for name in list(file.keys())}
        except (OSError, safetensors.SafetensorError) as error:
            raise _damaged(self.path, str(error)) from None
        if metadata.get("format") != _FORMAT:
            raise _damaged(self.path, "it is not a checkpoint of this version of neglog")
        text = metadata.get("neglog", "")
        if metadata.get("sha256") != _sum(text, tensors):
            raise _damaged(self.path, "its check sum does not fit its content")
        return text, tensors


def fingerprint(value: Any) -> str:
    """Return a string that is equal only for equal values.

    Args:
        value: a tensor or an array, of which the hash is taken; or anything that Python writes in
            full, such as numbers, text, and lists of them.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        if value.dtype is torch.bfloat16:  # which NumPy has not
            value = value.view(torch.int16)
        value = value.numpy()
    if not isinstance(value, np.ndarray):
        return repr(value)
    content = repr(value.tolist()).encode() if value.dtype == object else value.tobytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"{value.dtype} of shape {value.shape} and hash {digest}"


def _sum(text: str, tensors: dict[str, Tensor]) -> str:
    """Return the checksum of a checkpoint."""
    whole = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def _check_same(path: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name in [*now, *(name for name in before if name not in now)]:
        saved_value, current = before.get(name, "not given"), now.get(name, "not given")
        if saved_value != current:
            raise CheckpointError(
                f"the checkpoint {path} belongs to another fit: {name} was {saved_value}, but is "
                f"now {current}; go on with what it was begun with, or choose another file."
            )


def _damaged(path: Path, reason: str) -> FitError:
    return CheckpointError(
        f"the checkpoint {path} is damaged ({reason}); remove it, and the fit starts again."
    )
