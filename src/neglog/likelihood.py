"""The interface of a declaration, validated when its class is created; and the registry."""

from __future__ import annotations

import hashlib
import re
import weakref
from collections.abc import Callable, MutableMapping
from types import FunctionType
from typing import Any, ClassVar

from neglog import derivation, formula
from neglog.errors.arguments import CalledClassError
from neglog.errors.declaring import StatementError
from neglog.primitives.binding import fingerprint
from neglog.support import Support, anything, real

REGISTRY: dict[str, type[Likelihood]] = {}
"""The package's likelihoods by name."""
_OWN: MutableMapping[str, type[Likelihood]] = weakref.WeakValueDictionary()
"""The likelihoods that users declare, by key."""
_PACKAGE = __name__.partition(".")[0]
LINKS = ("identity", "log", "logit")


class Likelihood:
    """The distribution of the target given the model's output.

    A subclass of `Elementwise` or `Rows` states the attributes below; validation, loss, gradient,
    kernels, explanation and tests are derived from them. All formulas are functions without `self`
    that use only arithmetic and the primitives of `neglog.primitives`; losses are in nats. Required
    are `inputs`, `support` and `nll`.

    Attributes:
        name: the name of the class in lower case, with underscores.
        key: identifies the class and its contents: a name for `torch.compile`'s graphs.
        inputs: the names of the model's outputs: one tensor, or several.
        given: the names of constant tensors.
        settings: the names of scalar parameters of the whole batch.
        domains: the set of valid values of each input, by default any number.
        given_domains: the same of each given tensor.
        support: the set of valid targets.
        distribution: the definition, as a `torch.distributions` object, which tests compare with.
        nll: the negative log-likelihood minus `constant`, in a numerically accurate form.
        grad: the derivative of `nll` with respect to its input; for several inputs a tuple.
        curvature: the second derivative; for several inputs a, b, … the upper triangle of the
            matrix as a tuple, row by row: aa, ab, …, bb, ….
        grad_target: the derivative of `nll` with respect to the target.
        constant: the terms that `nll` omits; it may depend on the settings.
        normalised: whether the likelihood sums to 1 over the support, unlike a weighted one.
        well_conditioned: the targets at which no terms of the formulas nearly cancel, so that the
            kernels may compute in float32; None if there are none.
        well_conditioned_nll, well_conditioned_grad: forms of `nll` and `grad` that are shorter, or
            round less, but hold only at well-conditioned targets; by default `nll` and `grad`.
        smooth: whether `grad` has no jump, so that `curvature` is its complete derivative.
        link: the link function, one of `LINKS`, from the target's location (its mean, median or
            quantile) to the model's output, the first of several, which may be any number; for a
            row of logits the multinomial logit. None for other outputs.
        information: the Fisher information of one observation, E[grad²], from all arguments of
            `nll` but the target; for one input, if normalised. It may be omitted if `grad` is
            smooth and `curvature` does not depend on the target: then it is the curvature.
    """

    name: ClassVar[str]
    key: ClassVar[str]
    elementwise: ClassVar[bool]
    inputs: ClassVar[tuple[str, ...]]
    given: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    domains: ClassVar[tuple[Support, ...]]
    given_domains: ClassVar[tuple[Support, ...]]
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
        for attribute, value in list(vars(cls).items()):
            function = value.__func__ if isinstance(value, staticmethod) else value
            if isinstance(function, FunctionType) and attribute in _FORMULAS:
                setattr(cls, attribute, staticmethod(formula.without_closure(function)))
        if not hasattr(cls, "domains"):
            cls.domains = (anything,) * len(getattr(cls, "inputs", ()))
        if not hasattr(cls, "given_domains"):
            cls.given_domains = (anything,) * len(cls.given)
        _check(cls)
        _derive(cls)
        if cls.elementwise and cls.normalised and len(cls.inputs) == 1:
            _complete_information(cls)
        for attribute in ("nll", "grad"):
            if not _is_stated(cls, f"well_conditioned_{attribute}"):
                setattr(cls, f"well_conditioned_{attribute}", staticmethod(getattr(cls, attribute)))
        if cls.__module__.partition(".")[0] == _PACKAGE:
            cls.key = cls.name
            REGISTRY[cls.name] = cls
        else:
            cls.key = f"{cls.name}_{_fingerprint(cls)}"
            _OWN[cls.key] = cls

    def __init__(self) -> None:
        """Refuse instances: a declaration is used as a class."""
        raise CalledClassError(f"{type(self).__name__} is a declaration: pass the class itself.")

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


_FORMULAS = (
    "distribution", "nll", "grad", "curvature", "grad_target", "well_conditioned_nll",
    "well_conditioned_grad", "constant", "information",
)  # fmt: skip


def by_key(key: str) -> type[Likelihood]:
    """Return the declaration that has a key."""
    return REGISTRY[key] if key in REGISTRY else _OWN[key]


def _fingerprint(cls: type[Likelihood]) -> str:
    """Hash the contents of a declaration: a redefined class has another key."""
    formulas = [getattr(cls, attribute) for attribute in _FORMULAS if hasattr(cls, attribute)]
    sets = (cls.support, *cls.domains, *cls.given_domains)
    contents = (
        cls.__module__, cls.__qualname__, cls.inputs, cls.given, cls.settings, cls.smooth,
        cls.well_conditioned is None, getattr(cls, "softmax", None), [s.words for s in sets],
        fingerprint(*formulas, *(s.contains for s in sets)),
    )  # fmt: skip
    return hashlib.sha256(repr(contents).encode()).hexdigest()[:12]


def no_constant(*arguments: Any) -> float:
    """Stand for the `constant` of a declaration that states none."""
    return 0.0


def _derive(cls: type[Likelihood]) -> None:
    """Derive the derivatives that a declaration does not state with its `nll`."""
    arguments = (*cls.term_inputs(), "y")
    inputs = cls.inputs if cls.elementwise else ("log_p",)
    if not (_is_stated(cls, "grad") or _is_stated(cls, "smooth")):
        sets = dict(zip(inputs, (d.contains for d in cls.domains), strict=True))
        if not cls.elementwise:
            sets = {"log_p": lambda x: x < 0.0}
        cls.smooth = derivation.is_smooth(
            cls.nll, arguments, inputs, {**sets, "y": cls.support.contains}
        )
    derived = {
        "grad": derivation.gradient,
        "curvature": derivation.curvature,
        "grad_target": derivation.grad_target,
    }
    shorter = ["grad", "well_conditioned_nll", "well_conditioned_grad"]
    if [_is_stated(cls, attribute) for attribute in shorter] == [False, True, False]:
        derivative = derivation.gradient(cls.well_conditioned_nll, arguments, inputs, cls.smooth)
        cls.well_conditioned_grad = staticmethod(derivative)
    for attribute, derive in derived.items():
        if not _is_stated(cls, attribute):
            derivative = derive(cls.nll, arguments, inputs, cls.smooth)
            setattr(cls, attribute, staticmethod(derivative))


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
        raise StatementError(f"{where} must derive from Elementwise or Rows.")
    required = ["inputs", "support", "nll"] + (["softmax"] if issubclass(cls, Rows) else [])
    for attribute in required:
        if not hasattr(cls, attribute):
            raise StatementError(f"{where} does not state `{attribute}`.")
    _check_names(cls, where)
    _check_sets(cls, where)
    if not hasattr(cls, "constant"):
        cls.constant = staticmethod(no_constant)
    if not cls.inputs or (issubclass(cls, Rows) and len(cls.inputs) > 1):
        most = "one input" if issubclass(cls, Rows) else "one input or more"
        raise StatementError(f"{where} names {len(cls.inputs)} inputs; it must name {most}.")
    unbounded = all(cls.domains[0].contains(number) for number in real.members)
    if cls.link is not None and (cls.link not in LINKS or not unbounded):
        raise StatementError(
            f"{where} states the link {cls.link!r}; a link must be one of {LINKS}, for a first "
            "input that may be any number, or None."
        )
    arguments = (*cls.term_inputs(), "y")
    derivatives = ("grad", "curvature", "grad_target")
    for attribute in ("nll", *derivatives, "well_conditioned_nll", "well_conditioned_grad"):
        if hasattr(cls, attribute):
            stated = getattr(cls, attribute)
            single = attribute not in ("grad", "curvature", "well_conditioned_grad")
            formula.check(f"{where}: {attribute}", stated, arguments, single)
    if cls.constant is not no_constant:
        formula.check(f"{where}: constant", cls.constant, (*cls.settings, "y"))


# Options of every loss, which a setting would hide.
_OPTIONS = (
    "reduction", "full", "mask", "sample_weight", "normalizer", "empty", "target", "weight",
    "ignore_index", "label_smoothing", "class_dim", "y", "log_p", "likelihood",
)  # fmt: skip


_MISSPELT = {
    "normalized": "normalised", "distributions": "distribution", "gradient": "grad",
    "hessian": "curvature", "setting": "settings", "input": "inputs", "domain": "domains",
}  # fmt: skip
"""Attributes that would be ignored, and those that are meant."""


def _check_names(cls: type[Likelihood], where: str) -> None:
    """Refuse names of inputs, given tensors and settings that are not tuples of distinct names."""
    for name in vars(cls).keys() & _MISSPELT.keys():
        raise StatementError(f"{where} states `{name}`: write `{_MISSPELT[name]}`.")
    groups: dict[str, Any] = {"inputs": cls.inputs, "given": cls.given, "settings": cls.settings}
    for attribute, names in groups.items():
        if not isinstance(names, tuple) or not all(isinstance(n, str) for n in names):
            example = names if isinstance(names, str) else "scale"
            raise StatementError(
                f"{where}: `{attribute}` must be a tuple of names, such as ({example!r},), but it "
                f"is {names!r}."
            )
    every = [name for names in groups.values() for name in names]
    for name in every:
        if not name.isidentifier() or name in _OPTIONS or every.count(name) > 1:
            taken = name in _OPTIONS
            cause = "is a name of every loss's arguments" if taken else "is not a new identifier"
            raise StatementError(f"{where} names {name!r}, which {cause}: choose another.")


def _check_sets(cls: type[Likelihood], where: str) -> None:
    """Refuse a support or domains that are not sets, or sets that hold none of their members."""
    if not isinstance(cls.domains, tuple) or len(cls.domains) != len(cls.inputs):
        raise StatementError(
            f"{where} must state one domain for each of its inputs {cls.inputs}, in a tuple, but "
            f"`domains` is {cls.domains!r}."
        )
    if len(cls.given_domains) != len(cls.given):
        raise StatementError(f"{where} must state one domain for each of its given tensors.")
    every = [("support", cls.support), *(("domains", d) for d in cls.domains)]
    for attribute, found in (*every, *(("given_domains", d) for d in cls.given_domains)):
        if not isinstance(found, Support):
            raise StatementError(
                f"{where}: `{attribute}` must be of neglog.support, such as support.real, or a "
                f"Support of your own, but it is {found!r}."
            )
        if found.members and not any(found.contains(member) for member in found.members):
            raise StatementError(
                f"{where}: no number meets its {attribute}, {found.words}: `contains` is false for "
                f"all of its members {found.members}."
            )


def _complete_information(cls: type[Likelihood]) -> None:
    """Check `information`, or derive it if the curvature equals its mean."""
    if _is_stated(cls, "information"):
        where = f"the declaration {cls.__name__}: information"
        formula.check(where, cls.information, cls.term_inputs())
    elif cls.smooth:
        derived = derivation.information(cls.curvature, (*cls.term_inputs(), "y"))
        if derived is not None:
            cls.information = staticmethod(derived)
        elif hasattr(cls, "information"):
            raise StatementError(
                f"the declaration {cls.__name__} inherits `information` from a class of another "
                "`nll`: state it."
            )
