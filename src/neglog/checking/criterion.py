"""Identify the loss and the options of a criterion: a module or a function."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from neglog import criteria, functional, likelihoods, validation
from neglog.criteria_likelihood import LikelihoodLoss
from neglog.criteria_linear import LinearCrossEntropyLoss
from neglog.criterion import OfDeclaration
from neglog.errors import NeglogError
from neglog.likelihood import Likelihood


def function_of(cls: type[nn.Module]) -> Callable[..., Any]:
    """Return the function of a criterion's class, or its `forward` if it has none."""
    found: Callable[..., Any] = getattr(cls, "_function", cls.forward)
    return found


def _is_loss(function: Any) -> bool:
    parameters = inspect.signature(function).parameters
    first = next(iter(parameters.values()))
    return "reduction" in parameters and first.annotation == "Tensor"


# A kind has the name of its function. The module of each, the most special first.
_MODULES: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.CrossEntropyLoss, "cross_entropy"),
    (nn.NLLLoss, "nll_loss"),
    (nn.BCEWithLogitsLoss, "binary_cross_entropy_with_logits"),
    (nn.BCELoss, "binary_cross_entropy"),
    (nn.SoftMarginLoss, "soft_margin_loss"),
    (nn.MultiLabelSoftMarginLoss, "multilabel_soft_margin_loss"),
    (nn.KLDivLoss, "kl_div"),
    (nn.PoissonNLLLoss, "poisson_nll_loss"),
    (nn.GaussianNLLLoss, "gaussian_nll_loss"),
    (nn.SmoothL1Loss, "smooth_l1_loss"),
    (nn.HuberLoss, "huber_loss"),
    (nn.L1Loss, "l1_loss"),
    (nn.MSELoss, "mse_loss"),
    (criteria.SSELoss, "sse_loss"),
    (criteria.FocalLoss, "focal_loss"),
    (criteria.PolyLoss, "poly_loss"),
    (criteria.GeneralizedCrossEntropyLoss, "generalized_cross_entropy"),
    (criteria.SigmoidFocalLoss, "sigmoid_focal_loss"),
    (criteria.AsymmetricLoss, "asymmetric_loss"),
)

DECLARED = "declared"  # a `LikelihoodLoss` or another criterion of a declaration
SOFTMAX = ("cross_entropy", "focal_loss", "poly_loss", "generalized_cross_entropy")
LABELS = (*SOFTMAX, "nll_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
LOGITS = ("binary_cross_entropy_with_logits", "soft_margin_loss", "multilabel_soft_margin_loss")
REWEIGHTED = ("sigmoid_focal_loss", "asymmetric_loss")  # of logits too
REAL = ("mse_loss", "sse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
ELEMENTWISE = tuple(kind for _, kind in _MODULES if kind not in LABELS)

# The losses by the names of their functions: those of a model's output and a reduction.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: function
    for name in functional.__all__
    for function in [getattr(functional, name)]
    if _is_loss(function)
}
_CLASSES: dict[str, type[nn.Module]] = {name: getattr(criteria, name) for name in criteria.__all__}
_CLASSES["LinearCrossEntropyLoss"] = LinearCrossEntropyLoss
_LIKELIHOODS = {
    function_of(cls).__name__: cls.likelihood
    for cls in _CLASSES.values()
    if issubclass(cls, OfDeclaration)
}
_ADAPTIVE = "adaptive_log_softmax_with_loss"  # a layer, which has no function
STRUCTURED = (
    *(name for name in _FUNCTIONS if name not in (*(kind for _, kind in _MODULES), *_LIKELIHOODS)),
    _ADAPTIVE,
)
"""Losses of several tensors, whose functions check their shapes and values."""
KINDS = (*(kind for _, kind in _MODULES), *STRUCTURED, *_LIKELIHOODS)
_TARGETS = ("target", "targets", "target_", "interval", "time")

_DECLARATIONS: dict[str, type[Likelihood]] = {
    "binary_cross_entropy": likelihoods.BernoulliProbability,
    "binary_cross_entropy_with_logits": likelihoods.Bernoulli,
    "multilabel_soft_margin_loss": likelihoods.Bernoulli,
    "soft_margin_loss": likelihoods.SignedBernoulli,
    "sigmoid_focal_loss": likelihoods.SigmoidFocal,
    "asymmetric_loss": likelihoods.Asymmetric,
    "gaussian_nll_loss": likelihoods.HeteroscedasticNormal,
    **dict.fromkeys(REAL, likelihoods.Normal),
}

_OPTIONS: tuple[str, ...] = (
    "weight",
    "pos_weight",
    "ignore_index",
    "reduction",
    "label_smoothing",
    "log_input",
)
_OPTIONS += ("log_target", "eps", "full", "class_dim", "empty")


@dataclass(frozen=True)
class Criterion:
    """A loss as the rules see it.

    Attributes:
        call: what the user passed.
        keywords: the keyword arguments of every call, other than tensors.
        kind: the name of its function in `torch.nn.functional`, or "other".
        name: how to call it in a sentence.
        options: the values of `weight`, `reduction` and so on, where it has them.
        names: of the parameters of its calls, in order, as far as they are known.
    """

    call: Callable[..., Any]
    keywords: Mapping[str, Any]
    kind: str
    name: str
    options: Mapping[str, Any]
    names: tuple[str, ...] = ()

    @property
    def place(self) -> int:
        """Return the position of the target: the last if the parameters have no names."""
        if not self.names:
            return -1 if self.kind == DECLARED else 1
        return next((place for place, name in enumerate(self.names) if name in _TARGETS), 1)

    @property
    def is_pair(self) -> bool:
        """Return whether the loss compares tensors of a model and takes no target."""
        return bool(self.names) and not any(name in _TARGETS for name in self.names)

    @property
    def second(self) -> str:
        """Return what to call the second tensor of a batch."""
        return self.names[1] if self.is_pair else "target"

    def arranged(self, tensors: Sequence[Any]) -> tuple[Any, Any, tuple[Any, ...]]:
        """Return the first tensor of a call, its target and the others."""
        first, *others = tensors
        place = self.place % len(tensors) if self.place < len(tensors) else 1
        target = others.pop(place - 1)
        return first, target, tuple(others)

    @property
    def declaration(self) -> type[Likelihood] | None:
        """Return the likelihood that defines the domains of inputs and targets."""
        if self.kind == DECLARED:
            return cast(type[Likelihood], self.options["likelihood"])
        if self.kind == "poisson_nll_loss":
            return likelihoods.Poisson if self.options.get("log_input") else likelihoods.PoissonRate
        return _DECLARATIONS.get(self.kind)

    @property
    def reduction(self) -> str:
        """Return the reduction, "unknown" where it is not declared."""
        return str(self.options.get("reduction", "unknown"))

    @property
    def has_several_inputs(self) -> bool:
        """Return whether the loss takes further tensors of a model, besides the first."""
        declared = self.declaration
        return declared is not None and len(declared.inputs) > 1

    def __call__(self, input: Any, *others: Any) -> Any:
        """Return the loss of an input, the target and further tensors."""
        if not others:
            return self.call(input, **self.keywords)
        target, *more = others
        place = len(more) + 1 if self.place < 0 else min(self.place, len(more) + 1)
        tensors = [input, *more]
        tensors.insert(place, target)
        return self.call(*tensors, **self.keywords)

    def of_neglog(self) -> Callable[..., Any]:
        """Return neglog's loss of the same name and options, which checks its arguments."""
        if not isinstance(self.call, nn.Module):
            return functools.partial(getattr(functional, self.kind), **_given(self.call))
        cls = _class_of(self.call)
        assert cls is not None
        if isinstance(self.call, cls):
            return self.call
        twin: nn.Module = object.__new__(cls)
        twin.__dict__.update(vars(self.call))
        return twin

    def tensor(self, option: str) -> Tensor | None:
        """Return an option that is a tensor, such as `weight`."""
        value = self.options.get(option)
        return value if isinstance(value, Tensor) else None

    def wide(self) -> Criterion:
        """Return the same criterion with its weights in float64."""
        call = copy.deepcopy(self.call).double() if isinstance(self.call, nn.Module) else self.call
        keywords = {
            key: value.double()
            if isinstance(value, Tensor) and value.is_floating_point()
            else value
            for key, value in self.keywords.items()
        }
        return replace(self, call=call, keywords=keywords)


def identify(
    call: Callable[..., Any], more: tuple[Any, ...], given: Mapping[str, Any]
) -> Criterion:
    """Identify the loss of a callable and its options."""
    if isinstance(call, nn.Module):
        return _of_module(call, given)
    function, options = call, {**_given(call), **given}
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    homes = (torch.nn.functional, functional)
    kind = name if any(function is getattr(home, name, None) for home in homes) else "other"
    if kind not in KINDS:
        return Criterion(call, given, "other", name, options)
    options = _bound(function, more, options)
    options["reduction"] = _reduction(options)
    names = _names(_FUNCTIONS[kind])
    if kind in _LIKELIHOODS:
        options["likelihood"] = _LIKELIHOODS[kind]
        kind = DECLARED
    return Criterion(call, given, kind, name, options, names)


def _of_module(call: nn.Module, given: Mapping[str, Any]) -> Criterion:
    kind, cls, name = _kind_of_module(call), _class_of(call), type(call).__name__
    if kind == DECLARED:
        declared = {"likelihood": call.likelihood, "reduction": call.reduction}
        names = () if cls is None else _names(function_of(cls))
        return Criterion(call, given, kind, name, declared, names)
    options = {key: getattr(call, key) for key in _OPTIONS if hasattr(call, key)}
    names = () if kind == "other" or cls is None else _names(cls.forward)
    return Criterion(call, given, kind, name, {**options, **given}, names)


def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the parameters that a call may pass by position."""
    found = inspect.signature(function).parameters.values()
    named = (p.name for p in found if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(name for name in named if name != "self")


def _given(call: Any) -> dict[str, Any]:
    """Return the keywords of a partial function, those of a nested one included."""
    found: dict[str, Any] = {}
    while isinstance(call, functools.partial):
        found = {**call.keywords, **found}
        call = call.func
    return found


def _class_of(module: nn.Module) -> type[nn.Module] | None:
    """Return neglog's class of a module of neglog or torch.nn, or of one derived from it."""
    return next((_CLASSES[c.__name__] for c in type(module).__mro__ if _is_known(c)), None)


def _is_known(cls: type) -> bool:
    return cls.__name__ in _CLASSES and cls.__module__.partition(".")[0] in ("torch", "neglog")


def _kind_of_module(module: nn.Module) -> str:
    """Return the name of the loss, unless a subclass overrides its arithmetic."""
    if isinstance(module, torch.jit.ScriptModule):
        return "other"  # whatever it was before
    home = type(module).forward.__module__.partition(".")[0]
    if home not in ("torch", "neglog"):
        return "other"
    if isinstance(module, (LikelihoodLoss, OfDeclaration)):
        return DECLARED
    known = next((kind for known, kind in _MODULES if isinstance(module, known)), None)
    cls = _class_of(module)
    if known or cls is None:
        return known or "other"
    if cls is criteria.AdaptiveLogSoftmaxWithLoss:
        return _ADAPTIVE
    name = function_of(cls).__name__
    return name if name in STRUCTURED else "other"


def _bound(
    function: Callable[..., Any], more: tuple[Any, ...], given: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        bound = inspect.signature(function).bind(None, None, *more, **given)
    except TypeError:  # the call itself raises the error
        return dict(given)
    bound.apply_defaults()
    return dict(bound.arguments)


def _reduction(options: Mapping[str, Any]) -> str:
    chosen = options.get("reduction", "unknown")
    if chosen not in validation.REDUCTIONS:
        return str(chosen)
    try:
        return validation.reduction(options.get("size_average"), options.get("reduce"), chosen)
    except NeglogError:  # the call itself raises the error
        return "unknown"
