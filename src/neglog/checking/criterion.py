"""Identify the loss and the options of a criterion: a module or a function."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from neglog import criteria, functional, likelihoods, validation
from neglog.criteria_likelihood import LikelihoodLoss
from neglog.criterion import OfDeclaration
from neglog.errors import NeglogError
from neglog.likelihood import Likelihood

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
KINDS = tuple(kind for _, kind in _MODULES)
SOFTMAX = ("cross_entropy", "focal_loss", "poly_loss", "generalized_cross_entropy")
LABELS = (*SOFTMAX, "nll_loss")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
LOGITS = ("binary_cross_entropy_with_logits", "soft_margin_loss", "multilabel_soft_margin_loss")
REWEIGHTED = ("sigmoid_focal_loss", "asymmetric_loss")  # of logits too
REAL = ("mse_loss", "sse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
ELEMENTWISE = tuple(kind for _, kind in _MODULES if kind not in LABELS)

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
    """

    call: Callable[..., Any]
    keywords: Mapping[str, Any]
    kind: str
    name: str
    options: Mapping[str, Any]

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
        if self.kind == DECLARED:  # the target comes last
            others = (*others[1:], others[0])
        return self.call(input, *others, **self.keywords)

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
        return Criterion(call, keywords, self.kind, self.name, self.options)


def identify(
    call: Callable[..., Any], more: tuple[Any, ...], given: Mapping[str, Any]
) -> Criterion:
    """Identify the loss of a callable and its options."""
    if isinstance(call, nn.Module):
        kind = _kind_of_module(call)
        if kind == DECLARED:
            declared = {"likelihood": call.likelihood, "reduction": call.reduction}
            return Criterion(call, given, kind, type(call).__name__, declared)
        options = {key: getattr(call, key) for key in _OPTIONS if hasattr(call, key)}
        return Criterion(call, given, kind, type(call).__name__, {**options, **given})
    function, options = call, dict(given)
    while isinstance(function, functools.partial):
        options = {**function.keywords, **options}
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    homes = (torch.nn.functional, functional)
    kind = name if any(function is getattr(home, name, None) for home in homes) else "other"
    if kind not in {known for _, known in _MODULES}:
        return Criterion(call, given, "other", name, options)
    options = _bound(function, more, options)
    options["reduction"] = _reduction(options)
    return Criterion(call, given, kind, name, options)


def _kind_of_module(module: nn.Module) -> str:
    """Return the name of the loss, unless a subclass overrides its arithmetic."""
    if isinstance(module, torch.jit.ScriptModule):
        return "other"  # whatever it was before
    home = type(module).forward.__module__.partition(".")[0]
    if home not in ("torch", "neglog"):
        return "other"
    if isinstance(module, (LikelihoodLoss, OfDeclaration)):
        return DECLARED
    return next((kind for known, kind in _MODULES if isinstance(module, known)), "other")


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
