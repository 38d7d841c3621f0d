"""The base of all loss modules: the options that torch lacks, and the function call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from neglog import validation
from neglog.distributed.plan import Plan, checked_plan
from neglog.docstrings import completed, described, section, with_sections
from neglog.errors import NeglogError
from neglog.functional import counting
from neglog.functional.documentation import PARAMETERS
from neglog.functional.extras import Extras
from neglog.functional.options import check_options
from neglog.likelihood import Likelihood

M = TypeVar("M", bound=Callable[..., Any])
Weight = Tensor | Sequence[float] | float  # a weight passed to a constructor
_TENSORS = {
    "input": "the model's output, of the shape that the class states.",
    "target": "the targets, of the shape that the class states.",
    "var": "the predicted variances.",
    "input1": "the first of each pair, of the shape that the class states.",
    "input2": "the second of each pair, of the same shape.",
    "anchor": "rows, of the shape that the class states.",
    "positive": "rows of the anchor's class, of the same shape.",
    "negative": "rows of other classes, of the same shape.",
    "log_probs": "the model's output, of the shape that the class states.",
    "targets": "class labels, of one of the shapes that the class states.",
    "input_lengths": "the number of frames of each sequence.",
    "target_lengths": "the number of labels of each sequence.",
    "logits": "the model's output, of the shape that the class states.",
    "mean": "the predicted means, of the shape that the class states.",
    "log_scale": "the logarithms of the predicted standard deviations.",
    "scale_tril": "Cholesky factors, of one of the shapes that the class states.",
    "chosen": "the rewards of what was preferred, any shape.",
    "rejected": "the rewards of the alternatives, of the same shape.",
    "margin": "by how much the reward should exceed the other.",
    "interval": "the interval of the event or of the censoring, from 0.",
    "log_hazard": "the model's output, (N,).",
    "time": "of the event or of the censoring, (N,).",
    "event": "whether the event occurred; it is censored otherwise.",
    "strata": "integers (N,); only those of the same stratum are compared.",
}

_BUFFERS = ("offset",)  # keywords that torch does not have and that hold tensors
_RATES = {"log_input": "the model's output: logarithms of rates, or rates."}


def with_parameters(method: M) -> M:
    """Complete a method's docstring with the parameters that all losses have."""
    _, *names = inspect.signature(method).parameters
    method.__doc__ = completed(method.__doc__, names, PARAMETERS | _TENSORS | _RATES)
    return method


class Criterion(nn.Module):
    """The base class of all criteria: it checks the options and calls the function.

    A criterion's constructor lists torch's parameters, then the keywords that torch lacks. The
    latter are read from that signature.
    """

    _function: ClassVar[Callable[..., Any]]
    _passed_on: ClassVar[tuple[str, ...]] = ()  # attributes of torch's that the function takes
    _added: ClassVar[dict[str, Any]] = {}  # keywords that torch does not have, with defaults
    _defaults: ClassVar[dict[str, Any]]  # of the function, for what it is passed
    _reduction: ClassVar[str]  # the function's default
    _mean_over: ClassVar[str] = "elements"  # of the target; or its "rows", or its "labels"
    _shown: ClassVar[dict[str, Any]] = {}  # options that the repr shows, with defaults
    reduction: str
    empty: str = "nan"
    plan: Plan | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        loss = nn.modules.loss._Loss
        torchs = [b for b in cls.__bases__ if issubclass(b, loss) and not issubclass(b, Criterion)]
        if not torchs:
            return  # an intermediate class, or a user's own
        _, *known = inspect.signature(torchs[0].__init__).parameters
        _, *own = inspect.signature(cls.__init__).parameters.values()
        cls._added = {p.name: p.default for p in own if p.name not in known}
        for name, default in cls._added.items():
            if name in _BUFFERS:
                continue
            setattr(cls, name, default)  # for criteria that were pickled before there was one
        of_function = inspect.signature(cls._function).parameters
        ours = torchs[0].__name__.startswith("_")  # not a loss of torch's, which has a repr
        skipped = (*_BUFFERS, "self", "size_average", "reduce")
        cls._shown = {p.name: p.default for p in own if ours and p.name not in skipped}
        cls._reduction = of_function["reduction"].default
        names = (*cls._passed_on, *cls._added)
        cls._defaults = {name: of_function[name].default for name in names}
        cls.__doc__ = cls._documented([p.name for p in own])

    @classmethod
    def _documented(cls, names: list[str]) -> str | None:
        """Return the docstring with what the function's says of parameters, shapes and errors."""
        theirs = cls._function.__doc__
        parameters = described(theirs)
        doc = completed(cls.__doc__, names, parameters)
        if doc is None:
            return None
        known = inspect.signature(cls._function).parameters
        # Options, weights that only the function takes, and the layer that the module is.
        kept = {*names, *PARAMETERS, "weight", "linear_weight", "linear_bias"}
        tensors = [
            name
            for name in parameters
            if name in known and name not in kept and "Tensor" in str(known[name].annotation)
        ]
        sections: dict[str, str | Mapping[str, str]] = {
            "Returns": section(theirs, "Returns"),
            "Shape": {name: parameters[name] for name in tensors},
            "Raises": described(theirs, "Raises"),
            "Source": section(theirs, "Source"),
        }
        return with_sections(doc, sections)

    def __init__(self, **options: Any) -> None:
        validation.not_called(type(self).__name__, tuple(options.values()))
        added = {name: options.pop(name) for name in self._added}
        switches = (options.get("size_average"), options.get("reduce"))
        validation.reduction(*switches, options["reduction"])
        check_options(type(self)._function, {**options, **added})
        for name in ("weight", "pos_weight"):
            if options.get(name) is not None:
                options[name] = validation.constant_weight(name, options[name])
        super().__init__(**options)
        validation.one_of("empty", added["empty"], ("nan", "zero"))
        if added["plan"] is not None:
            checked_plan(added["plan"])
        for name, value in added.items():
            if name in _BUFFERS:
                kept = None if value is None else validation.constant_tensor(name, value)
                self.register_buffer(name, kept)
            elif value != self._added[name]:  # the class has the default, as `vars` shows in torch
                setattr(self, name, value)

    def extra_repr(self) -> str:
        """Return the options of a loss that torch lacks: its own, and common ones that differ."""
        shown = [super().extra_repr()]
        for name, default in self._shown.items():
            value = getattr(self, name)
            common = name in PARAMETERS or name == "weight"
            if isinstance(value, nn.Parameter):
                continue
            if isinstance(value, Tensor):
                shown.append(f"{name}={_numbers(value)}")
            elif not common or value != default:
                shown.append(f"{name}={value!r}")
        return ", ".join(part for part in shown if part)

    def _count(self, target: Tensor, mask: Tensor | None, sample_weight: Tensor | None) -> Tensor:
        """Return the divisor of a mean over the rows of all processes, without the outputs."""
        if self.plan is None:
            return self._own_count(target, mask, sample_weight)
        zero = torch.zeros(1, dtype=torch.float64, device=target.device)
        try:
            count, error = self._own_count(target, mask, sample_weight).reshape(1), None
        except NeglogError as raised:
            count, error = zero, raised
        return self.plan.agreed(count.detach(), error)[0]

    def _own_count(
        self, target: Tensor, mask: Tensor | None, sample_weight: Tensor | None
    ) -> Tensor:
        validation.tensors(target=target)
        extras, ignored = Extras(mask, sample_weight), getattr(self, "ignore_index", None)
        if self._mean_over == "rows":
            return counting.of_rows(target, extras)
        if self._mean_over == "elements":
            return counting.of_elements(target, extras, ignored)
        class_dim = getattr(self, "class_dim", -1)
        return counting.of_labels(target, extras, ignored, self._buffers["weight"], class_dim)

    def _sum_and_count(self, *tensors: Any, **extras: Any) -> tuple[Tensor, Tensor]:
        pair: Any = self._loss(*tensors, **extras, reduction=validation.PAIR)
        both: tuple[Tensor, Tensor] = pair
        return both

    def _loss(self, *tensors: Any, **extras: Any) -> Tensor:
        """Call the function with the options that differ from its defaults, which is faster.

        A small loss consists of Python calls, so this makes none that it can avoid: a lookup of a
        buffer by its name would be one.
        """
        options = {}
        for name in extras:
            if extras[name] is not None:
                options[name] = extras[name]
        if self.reduction != self._reduction and "reduction" not in options:
            options["reduction"] = self.reduction
        buffers = self._buffers
        for name, default in self._defaults.items():
            value = buffers[name] if name in buffers else getattr(self, name, default)
            if value is not default and (isinstance(value, Tensor) or value != default):
                options[name] = value
        loss: Tensor = type(self)._function(*tensors, **options)
        return loss


def _numbers(tensor: Tensor) -> str:
    """Return a few numbers, or how many there are."""
    if tensor.is_meta or tensor.numel() > 10:
        return f"[{tensor.dtype} of size {tuple(tensor.shape)}]"
    return f"[{', '.join(f'{number:g}' for number in tensor.tolist())}]"


class OfPairs(Criterion):
    """A criterion of two tensors, `input` and `target`."""

    @with_parameters
    def forward(
        self,
        input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean.

        >>> import torch
        >>> from neglog import MSELoss
        >>> MSELoss().sum_and_count(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        (tensor(4.), tensor(2.))
        """
        return self._sum_and_count(input, target, mask=mask, sample_weight=sample_weight)

    @with_parameters
    def count(
        self, target: Tensor, *, mask: Tensor | None = None, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the divisor of a mean, over all processes if the criterion has a `plan`.

        It needs no outputs: count the targets of a whole step first, then pass the count as
        `normalizer` with each micro-batch.

        >>> import torch
        >>> from neglog import CrossEntropyLoss
        >>> CrossEntropyLoss().count(torch.tensor([0, 1, -100]))
        tensor(2., dtype=torch.float64)
        """
        return self._count(target, mask, sample_weight)


class OfDeclaration(Criterion):
    """A criterion of a declaration: of one output or several and a target, in this order.

    Attributes:
        likelihood: the declaration, whose sets `neglog.check` compares inputs and targets with.
    """

    likelihood: type[Likelihood]

    @with_parameters
    def forward(
        self,
        *tensors: Tensor | float,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
        **given: Tensor | None,
    ) -> Tensor:
        """Return the loss of a batch, in nats.

        Args:
            tensors: the model's outputs and the target, in the order of the function's parameters.
            given: its further tensors, by name.
        """
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(*tensors, **given, **extras)

    @with_parameters
    def sum_and_count(
        self,
        *tensors: Tensor | float,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        **given: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean.

        Args:
            tensors: the model's outputs and the target, in the order of the function's parameters.
            given: its further tensors, by name.
        """
        return self._sum_and_count(*tensors, mask=mask, sample_weight=sample_weight, **given)

    @with_parameters
    def count(
        self, target: Tensor, *, mask: Tensor | None = None, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the divisor of a mean, over all processes if the criterion has a `plan`.

        It needs no outputs: count the targets of a whole step first, then pass the count as
        `normalizer` with each micro-batch.
        """
        return self._count(target, mask, sample_weight)
