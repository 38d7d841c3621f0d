"""Row-wise problems on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.gpu import jit, launch
from neglog.engine.gpu.kernels import rows as rows_kernels
from neglog.engine.precision import has_long_primitives, is_linear
from neglog.engine.problem import RowwiseProblem

TILE = 2048  # numbers per tile; half as many in float64
LONGEST = 8192  # classes of a row that is read only once; half as many in float64
SIDE_BY_SIDE = 32  # rows per program where adjacent rows are adjacent in memory, as in images


def run(
    problem: RowwiseProblem,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    into: Tensor | None = None,
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the loss, and its gradient with respect to x if required.

    The gradient may be written `into` other memory of the layout of x: that of x itself, or memory
    of another dtype.
    """
    pass_ = _Pass(problem, tensors)
    gradient = (pass_.fresh() if into is None else into) if needs_grad[0] else None
    return pass_.run(gradient, losses=True), [gradient, *[None] * (len(tensors) - 1)]


def vjp(
    problem: RowwiseProblem,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    upstream: Tensor,
    gradients: list[Tensor | None] | None,
) -> list[Tensor | None]:
    """Return upstream · gradients, in the memory of gradients for an upstream of 1 if given.

    If the upstream gradient is 1, the kernel, which reads it, computes nothing.
    """
    pass_ = _Pass(problem, tensors)
    kept = None if gradients is None else gradients[0]
    gradient = pass_.fresh() if kept is None else kept
    pass_.run(gradient, upstream=upstream.resolve_neg().contiguous(), keeps=kept is not None)
    return [gradient, *[None] * (len(tensors) - 1)]


@lru_cache(maxsize=256)
def _on_device(settings: tuple[float, ...], device: Any) -> Tensor:
    """Return the settings as numbers on a device, copied once."""
    return torch.tensor(settings, dtype=torch.float64, device=device)


class _Pass:
    """One problem, its tensors without gaps."""

    def __init__(self, problem: RowwiseProblem, tensors: Sequence[Any]) -> None:
        self.problem, self.likelihood = problem, cast("Any", problem.likelihood)
        plain = (None if t is None else t.resolve_neg().contiguous() for t in tensors)
        found: list[Any] = list(plain)
        self.x, self.y, self.weight, self.sample_weights = found
        self.labelled = not self.y.is_floating_point()
        self.spread = bool(problem.smoothing) or not self.labelled
        if self.x.dim() == 3:
            self.outer, self.classes, self.inner = self.x.shape
            self.row_step, self.class_step = 1, self.inner
        else:
            (self.inner, self.classes), self.outer = self.x.shape, 1
            self.row_step, self.class_step = self.classes, 1
        self.rows = self.outer * self.inner

    def fresh(self) -> Tensor:
        """Return memory for the gradient, zeros for log-probabilities."""
        softmax = self.problem.likelihood.softmax
        return memory.empty_like(self.x) if softmax else torch.zeros_like(self.x)

    def run(
        self,
        gradient: Tensor | None,
        losses: bool = False,
        upstream: Tensor | None = None,
        keeps: bool = False,
    ) -> Tensor:
        """Write the gradient, possibly over x; return the losses, or their sum."""
        problem, x = self.problem, self.x
        with launch.on(x):
            inverse = self._inverse()
            each = problem.reduction == "none"
            value = memory.empty((self.rows,), x.dtype, x.device) if losses and each else None
            summed = losses and not each
            flags = self._flags() | launch.chosen(
                SURVEYED=inverse is not None, SCALED=upstream is not None and not upstream.dim(),
                PULLED=upstream is not None and upstream.dim() > 0, KEEPS=keeps,
                VALUED=value is not None, SUMMED=summed, DIFFERENTIATED=gradient is not None,
            )  # fmt: skip
            after = (inverse, upstream, value, gradient)
            sums = self._launch(flags, after)
            if not summed:
                found: Tensor = x if value is None else value
                return found
            return launch.total(sums, 1.0, x.dtype, inverse)

    def _flags(self) -> frozenset[str]:
        return launch.chosen(
            ROW_WEIGHTED=self.sample_weights is not None, WEIGHTED=self.weight is not None,
            LABELLED=self.labelled, TARGETED=self.spread,
        )  # fmt: skip

    def _inverse(self) -> Tensor | None:
        """Return one over the divisor of a mean, on the device; None if it is known on the host."""
        counted = self.labelled or self.sample_weights is not None
        if self.problem.reduction != "mean" or not counted:
            return None
        flags = self._flags() - {"TARGETED"}
        if not self.labelled:
            flags -= {"WEIGHTED"}
        kernel = jit.rows(rows_kernels.survey, None, self.x.dtype, (1, 1), flags)
        programs = -(-self.rows // jit.BLOCK)
        sums = launch.partial_sums(programs, self.x)
        places = launch.there((self.y, self.weight, self.sample_weights), self.x)
        numbers = (self.rows, self.classes, self.problem.ignored)
        launch.start(kernel, programs, (*places, sums, *numbers))
        return launch.inverse_of(sums)

    def _launch(self, flags: frozenset[str], after: Sequence[Tensor | None]) -> Tensor:
        """Run the kernel; return the partial sums of its programs."""
        problem, x = self.problem, self.x
        known = problem.reduction == "mean" and "SURVEYED" not in flags
        scale = launch.bits(1.0 / self.rows if known else 1.0)
        steps = (self.inner, self.classes, self.row_step, self.class_step)
        labels, targets = (self.y, None) if self.labelled else (None, self.y)
        settings = _on_device(problem.settings, x.device) if problem.settings else None
        if not (problem.likelihood.softmax or self.spread):
            kernel = jit.rows(rows_kernels.picked, self.likelihood, x.dtype, (1, 1), flags)
            programs = -(-self.rows // jit.BLOCK)
            sums = launch.partial_sums(programs, x)
            given = (x, labels, self.weight, self.sample_weights, *after, settings)
            places = launch.there(given, x)
            numbers = (*steps, self.rows, problem.ignored, scale)
            launch.start(kernel, programs, (*places, sums, *numbers))
            return sums
        sizes, whole = self._sizes()
        flags |= launch.chosen(WHOLE=whole)
        kernel = jit.rows(rows_kernels.rows, self.likelihood, x.dtype, sizes, flags)
        chunks = -(-self.inner // sizes[0])
        programs = self.outer * chunks
        sums = launch.partial_sums(programs, x)
        parts = (1.0 - problem.smoothing, problem.smoothing / self.classes)
        given = (x, labels, targets, self.weight, self.sample_weights, *after, settings)
        places = launch.there(given, x)
        numbers = (*steps, chunks, problem.ignored, scale, *map(launch.bits, parts))
        warps = max(4, min(16, sizes[0] * sizes[1] // 512))
        launch.start(kernel, programs, (*places, sums, *numbers), warps)
        return sums

    def _sizes(self) -> tuple[tuple[int, int], bool]:
        """Return the number of rows and classes per tile, and whether a tile spans a row."""
        cancels = self.spread or not is_linear(self.problem.likelihood)
        real = jit.types_of(self.x.dtype, cancels)[0]
        words = real(0).itemsize // 4
        if has_long_primitives(self.problem.likelihood):
            words *= jit.LONG_SHARE
        tile, longest = TILE // words, LONGEST // words
        width = 1 << max(0, self.classes - 1).bit_length()
        if self.row_step == 1 and self.inner > 1:  # adjacent numbers belong to different rows
            width = min(width, tile // SIDE_BY_SIDE)
        width = min(width, longest)
        rows = max(1, tile // width)
        if self.outer > 1:  # images; those of few pixels would leave most rows empty
            rows = min(rows, 1 << max(0, self.inner - 1).bit_length())
        return (rows, width), width >= self.classes
