"""The interface of a declaration, validated when its class is created; and the registry."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar

from neglog import derivation
from neglog.errors import DeclarationError
from neglog.primitives import reference
from neglog.support import Support, anything

REGISTRY: dict[str, type[Likelihood]] = {}
_PACKAGE = __name__.partition(".")[0]  # whose likelihoods others do not replace
LINKS = ("identity", "log", "logit")

_ALLOWED = (
    ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Name, ast.Load, ast.Store, ast.Call,
    ast.Constant, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr,
    ast.UnaryOp, ast.USub, ast.Tuple, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq,
    ast.NotEq,
)  # fmt: skip


class Likelihood:
    """The distribution of the target given the model's output.

    A subclass of `Elementwise` or `Rows` states the attributes below; validation, loss, gradient,
    kernels, explanation and tests are derived from them. All formulas are static methods that use
    only the primitives of `neglog.primitives`; losses are in nats.

    Attributes:
        inputs: the names of the model's outputs, one or two tensors.
        given: the names of constant tensors.
        settings: the names of scalar parameters of the whole batch.
        domains: the set of valid values of each input, by default any number.
        support: the set of valid targets.
        distribution: the definition, as a `torch.distributions` object, which tests compare with.
        nll: the negative log-likelihood minus `constant`, in a numerically accurate form.
        grad: the derivative of `nll` with respect to its input, or a tuple for two inputs.
        curvature: the second derivative; for two inputs a and b the tuple aa, ab, bb.
        grad_target: the derivative of `nll` with respect to the target.
        constant: the terms that `nll` omits; it may depend on the settings.
        normalised: whether the likelihood sums to 1 over the support, unlike a weighted one.
        well_conditioned: the targets at which no terms of the formulas nearly cancel, so that the
            kernels may compute in float32; None if there are none.
        well_conditioned_nll, well_conditioned_grad: forms of `nll` and `grad` that are shorter, or
            round less, but hold only at well-conditioned targets; by default `nll` and `grad`.
        smooth: whether `grad` has no jump, so that `curvature` is its complete derivative.
        link: the link function, one of `LINKS`, from the target's location (its mean, median or
            quantile) to the model's output, which may be any number; for a row of logits the
            multinomial logit. None for other outputs.
        information: the Fisher information of one observation, E[grad²], from all arguments of
            `nll` but the target; for one input, if normalised. It may be omitted if `grad` is
            smooth and `curvature` does not depend on the target: then it is the curvature.
    """

    name: ClassVar[str]
    elementwise: ClassVar[bool]
    inputs: ClassVar[tuple[str, ...]]
    given: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    domains: ClassVar[tuple[Support, ...]]
    support: ClassVar[Support]
    normalised: ClassVar[bool] = True
    smooth: ClassVar[bool] = True
    well_conditioned: ClassVar[Support | None] = None
    link: ClassVar[str | None] = None

    distribution: ClassVar[Callable[..., Any]]
    nll: ClassVar[Callable[..., Any]]
    grad: ClassVar[Callable[..., Any]]
    curvature: ClassVar[Callable[..., Any]]
    grad_target: ClassVar[Callable[..., Any]]
    well_conditioned_nll: ClassVar[Callable[..., Any]]
    well_conditioned_grad: ClassVar[Callable[..., Any]]
    constant: ClassVar[Callable[..., Any]]
    information: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, abstract: bool = False) -> None:
        """Validate a declaration and register it."""
        super().__init_subclass__()
        if abstract:
            return
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        if not hasattr(cls, "domains"):
            cls.domains = (anything,) * len(getattr(cls, "inputs", ()))
        if hasattr(cls, "nll") and hasattr(cls, "inputs"):
            _derive(cls)
        _check(cls)
        if cls.elementwise and cls.normalised and len(cls.inputs) == 1:
            _complete_information(cls)
        for attribute in ("nll", "grad"):
            if not hasattr(cls, f"well_conditioned_{attribute}"):
                setattr(cls, f"well_conditioned_{attribute}", staticmethod(getattr(cls, attribute)))
        known = REGISTRY.get(cls.name)
        if known is None or known.__module__.partition(".")[0] != _PACKAGE:
            REGISTRY[cls.name] = cls

    def __init__(self) -> None:
        """Refuse instances: a declaration is used as a class."""
        raise TypeError(f"{type(self).__name__} is a declaration: pass the class itself")

    @classmethod
    def term_inputs(cls) -> tuple[str, ...]:
        """Name the arguments of `nll` before the target."""
        return cls.inputs + cls.given + cls.settings


class Elementwise(Likelihood, abstract=True):
    """One prediction, one target, one number."""

    elementwise = True


class Rows(Likelihood, abstract=True):
    """One row over K classes, one target, one number: the sum of `nll` over the classes.

    `nll(log_p, *settings, y)` is the term of one class: `log_p` the log-probability that the row
    gives to the class, `y` the part of the target that lies on it (1 or 0 for a label). A class
    with ``y = 0`` must contribute nothing. `grad` and `curvature` are derivatives by `log_p`.

    Attributes:
        softmax: whether the row holds logits (normalised by the engine) or log-probabilities.
    """

    elementwise = False
    softmax: ClassVar[bool]

    @classmethod
    def term_inputs(cls) -> tuple[str, ...]:
        """Name the arguments of `nll` before the target."""
        return ("log_p", *cls.settings)


def _derive(cls: type[Likelihood]) -> None:
    """Derive the derivatives that a declaration does not state with its `nll`."""
    arguments = (*cls.term_inputs(), "y")
    inputs = cls.inputs if cls.elementwise else ("log_p",)
    derived = {
        "grad": derivation.gradient,
        "curvature": derivation.curvature,
        "grad_target": derivation.grad_target,
    }
    for attribute, derive in derived.items():
        if not _is_stated(cls, attribute):
            formula = derive(cls.nll, arguments, inputs, cls.smooth)
            setattr(cls, attribute, staticmethod(formula))
    shorter = getattr(cls, "well_conditioned_nll", None)
    if shorter is not None and not _is_stated(cls, "well_conditioned_grad"):
        formula = derivation.gradient(shorter, arguments, inputs, cls.smooth)
        cls.well_conditioned_grad = staticmethod(formula)


def _is_stated(cls: type[Likelihood], attribute: str) -> bool:
    """Return whether an attribute is stated in the class that states `nll`, or in a subclass."""
    for base in cls.__mro__:
        if attribute in vars(base):
            return True
        if "nll" in vars(base):
            return False
    return False


def _check(cls: type[Likelihood]) -> None:
    """Raise `DeclarationError` unless the class states every attribute with primitives only."""
    where = f"the declaration {cls.__name__}"
    if not issubclass(cls, (Elementwise, Rows)):
        raise DeclarationError(f"{where} must derive from Elementwise or Rows.")
    if sys.flags.optimize < 2 and not (cls.__doc__ or "").strip():
        raise DeclarationError(f"{where} has no docstring: say what it is for and give its source.")
    required = ["inputs", "support", "distribution", "nll", "grad", "curvature", "grad_target"]
    required += ["constant"] + (["softmax"] if issubclass(cls, Rows) else [])
    for attribute in required:
        if not hasattr(cls, attribute):
            raise DeclarationError(f"{where} does not state `{attribute}`.")
    max_inputs = 2 if issubclass(cls, Elementwise) else 1
    if not 1 <= len(cls.inputs) <= max_inputs:
        raise DeclarationError(
            f"{where} names {len(cls.inputs)} inputs; the engine takes {max_inputs}."
        )
    if len(cls.domains) != len(cls.inputs):
        raise DeclarationError(f"{where} must state one domain for each of its inputs.")
    if cls.link is not None and (cls.link not in LINKS or cls.domains != (anything,)):
        raise DeclarationError(
            f"{where} states the link {cls.link!r}; a link must be one of {LINKS}, for one input "
            "that may be any number, or None."
        )
    arguments = (*cls.term_inputs(), "y")
    optional = ("well_conditioned_nll", "well_conditioned_grad")
    well_conditioned = [attribute for attribute in optional if hasattr(cls, attribute)]
    for attribute in ("nll", "grad", "curvature", "grad_target", *well_conditioned):
        _check_formula(f"{where}: {attribute}", getattr(cls, attribute), arguments)
    _check_formula(f"{where}: constant", cls.constant, (*cls.settings, "y"))


def _complete_information(cls: type[Likelihood]) -> None:
    """Derive `information` if the curvature equals its mean; otherwise check the stated one."""
    if hasattr(cls, "information"):
        where = f"the declaration {cls.__name__}: information"
        _check_formula(where, cls.information, cls.term_inputs())
        return
    curvature: Any = cls.curvature
    read = {node.id for node in ast.walk(_parsed(curvature)) if isinstance(node, ast.Name)}
    if not cls.smooth or "y" in read:
        raise DeclarationError(
            f"the declaration {cls.__name__} must state `information`: it is the curvature "
            "only if that does not depend on the target and `grad` has no jump."
        )
    without_target = FunctionType(curvature.__code__, curvature.__globals__, argdefs=(None,))
    cls.information = staticmethod(without_target)


def _parsed(formula: Any) -> ast.FunctionDef:
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(formula))).body
    assert isinstance(function, ast.FunctionDef)
    return function


def _check_formula(where: str, formula: Any, arguments: tuple[str, ...]) -> None:
    """Refuse what one of the backends cannot read: see the whitelist `_ALLOWED`."""
    found = tuple(inspect.signature(formula).parameters)
    if found != arguments:
        raise DeclarationError(f"{where} must take {arguments}, but takes {found}.")
    try:
        function = _parsed(formula)
    except OSError:
        raise DeclarationError(f"{where} has no source text: put it into a file.") from None
    for statement in function.body:
        for node in ast.walk(statement):
            if not isinstance(node, _ALLOWED):
                what = type(node).__name__
                raise DeclarationError(f"{where} uses {what}, which formulas may not use.")
            if isinstance(node, ast.Compare) and len(node.ops) > 1:
                raise DeclarationError(f"{where} chains comparisons: combine them with &.")
            if isinstance(node, ast.Constant) and type(node.value) is not float:
                raise DeclarationError(f"{where} holds {node.value!r}: write it as a float, 1.0.")
            if isinstance(node, ast.Call) and ast.unparse(node.func) not in reference.NAMES:
                raise DeclarationError(
                    f"{where} calls {ast.unparse(node.func)}, which is not a primitive."
                )
