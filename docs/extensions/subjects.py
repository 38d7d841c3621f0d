"""What has a page in the gallery: each declaration, and each loss that no declaration expresses."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import reference

from neglog import criteria, functional
from neglog.docstrings import section
from neglog.explanation import lessons
from neglog.functional.documentation import likelihoods_of
from neglog.likelihood import REGISTRY, Likelihood

BUILT: dict[str, dict[str, Any]] = {
    "bradley_terry_loss": {"chosen": [2.0, 0.5], "rejected": [0.5, 1.0]},
    "corn_loss": {"input": [[1.0, 0.0, -1.0]], "target": [2]},
    "discrete_hazard_loss": {"logits": [[-1.0, 0.0, 1.0]], "interval": [2], "event": [1]},
    "info_nce": {"query": [[1.0, 0.2], [0.0, 1.0]], "key": [[1.0, 0.0], [0.3, 1.0]]},
    "multilabel_soft_margin_loss": {"input": [[1.0, -0.5, 2.0]], "target": [[1.0, 0.0, 0.0]]},
    "siglip": {"image": [[1.0, 0.2], [0.0, 1.0]], "text": [[1.0, 0.0], [0.3, 1.0]]},
}
"""The losses that feed a declaration's with logits made of several tensors, and examples."""
_NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True)
class Subject:
    """A page of the gallery.

    Attributes:
        name: the page's name: of the declaration or of the function.
        title: the name in code that users know.
        kind: the file of its texts.
        lead: what it is, in one sentence.
        source: the publication.
        functions: of `neglog.functional`.
        modules: of `neglog`.
        likelihood: the declaration; None of a loss that none expresses.
        base: the declaration whose loss a function uses.
    """

    name: str
    title: str
    kind: str
    lead: str
    source: str
    functions: list[str]
    modules: list[str]
    likelihood: type[Likelihood] | None = None
    base: type[Likelihood] | None = None

    @property
    def in_nats(self) -> bool:
        """Return whether the loss is minus the logarithm of a probability or a density."""
        if self.likelihood is not None:
            return self.likelihood.normalised
        lesson = lessons.LESSONS.get(self.name)
        return lesson is None or lesson.is_likelihood

    def example(self) -> tuple[Callable[..., Any], Mapping[str, Any]]:
        """Return the loss of a function of several tensors, and the tensors of an example."""
        if self.name in BUILT:
            return getattr(functional, self.name), BUILT[self.name]
        lesson = lessons.LESSONS[self.name]
        if not self.functions:
            return lambda **named: lessons.layer()(*named.values()).loss, lesson.example
        function = getattr(functional, self.name)
        return lambda **named: function(*named.values(), **lesson.options), lesson.example


def subjects() -> list[Subject]:
    """Return all pages, the declarations first."""
    functions = [*lessons.LESSONS, *BUILT]
    return [*map(_declared, REGISTRY.values()), *map(_of_function, functions)]


def _declared(likelihood: type[Likelihood]) -> Subject:
    functions = [n for n in reference.functions(likelihood) if n not in BUILT]
    return Subject(
        likelihood.name,
        likelihood.__name__,
        likelihood.__module__.rpartition(".")[2],
        _first_paragraph(likelihood),
        _source(likelihood),
        functions,
        reference.modules(functions),
        likelihood,
    )


def _of_function(name: str) -> Subject:
    found = getattr(functional, name, criteria.AdaptiveLogSoftmaxWithLoss)
    functions = [name] if name in functional.__all__ else []
    modules = reference.modules(functions) if functions else [found.__name__]
    base = likelihoods_of(found.__doc__)[0] if name in BUILT else None
    kind, title = "built" if base else "several", modules[0] if modules else name
    return Subject(
        name, title, kind, _first_paragraph(found), _source(found), functions, modules, base=base
    )


def _first_paragraph(documented: Any) -> str:
    paragraph = inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0]
    words = " ".join(paragraph.split()).removeprefix("Return ")
    return f"T{words[1:]}" if words.startswith("the ") else words


def _source(documented: Any) -> str:
    """Return the publication that a docstring names, also where it points to another's."""
    source = section(documented.__doc__, "Source")
    if not source.lower().startswith("as "):
        return source
    known = {cls.__name__: cls for cls in REGISTRY.values()}
    others = [known.get(name) or getattr(functional, name) for name in _NAME.findall(source)]
    return "; ".join(_source(each).rstrip(".") for each in others) + "."
