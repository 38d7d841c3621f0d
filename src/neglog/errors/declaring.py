"""The kinds of errors of declarations, and of the commands that show, verify and time them."""

from __future__ import annotations

from neglog.errors import ArgumentError, DeclarationError, FitError, ShapeError, SupportError

_DECLARED = '''class Own(neglog.Elementwise):
    """An example."""

    inputs = ("mean",)
    {}

    def nll(mean, y):
        {}
'''


class StatementError(
    DeclarationError,
    code="NL501",
    cause="An attribute of the declaration is missing, misspelt or of another type.",
    remedy="State the attribute as the message shows it.",
    example=_DECLARED.format('supports = "real"', "return (y - mean) * (y - mean)"),
):
    """A declaration lacks an attribute, or states an invalid one."""


class FormulaError(
    DeclarationError,
    code="NL502",
    cause="Kernels run formulas of numbers: arithmetic, comparisons, literals and the primitives.",
    remedy="Write the formula with the primitives that the message lists.",
    example=_DECLARED.format("support = neglog.support.real", "return torch.square(y - mean)"),
):
    """A formula holds code that kernels cannot run."""


class UndifferentiableError(
    DeclarationError,
    code="NL503",
    cause="A derivative of the formula needs a function that is not a primitive.",
    remedy="State the derivatives in the declaration: `grad`, `curvature` and `grad_target`.",
    example="from neglog.primitives import digamma\n\n\n"
    + _DECLARED.format("support = neglog.support.real", "return y * digamma(mean)"),
):
    """A derivative cannot be derived from the formula."""


class UnknownReferenceError(
    ArgumentError,
    code="NL504",
    cause="A misspelt file, module or class, or a file that cannot be imported.",
    remedy="Pass `module:Name` or `file.py:Name` of a class at the top level.",
    example='from neglog import references\n\nreferences.find("losses.py:Own")',
):
    """A reference such as `file.py:Name` leads to no declaration."""


class UnknownLikelihoodError(
    FitError,
    code="NL505",
    cause="A misspelt likelihood, or a declaration that `fit` cannot use.",
    remedy="Choose one of the likelihoods that the message lists, or pass `file.py:Name`.",
    example='neglog.fit(pd.DataFrame({"x": [1, 2], "y": [3, 4]}), target="y", likelihood="logit")',
):
    """`fit` does not have this likelihood."""


class ExampleValueError(
    ArgumentError,
    ShapeError,
    SupportError,
    code="NL601",
    cause="Text that is not a number, samples of different lengths, or a target out of range.",
    remedy="Pass the values by name, such as `mean=0.3 y=2`, with as many for each name.",
    example="from neglog.explanation import values\n\nvalues.by_name(['0.5'])",
):
    """Numbers for `neglog explain` are invalid."""


class VerificationError(
    ArgumentError,
    code="NL602",
    cause="A setting that the declaration does not have, or no points in the support.",
    remedy="Pass a number for each setting, such as `df=4`, and points of the support.",
    example="neglog.verify(neglog.likelihoods.StudentT, df=4.0, scale=1.0)",
):
    """`neglog.verify` cannot use its arguments."""


class PageError(
    ArgumentError,
    code="NL603",
    cause="The name of the page is that of a folder or a device.",
    remedy="Choose another name.",
    example="from neglog.report import page\n\npage.write('', Path('.'))",
):
    """A page cannot be written under this name."""
