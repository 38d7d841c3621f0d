"""No code but its declaration and its entry knows a likelihood, or the response that fits it."""

import ast
from pathlib import Path

import pytest

import neglog
from neglog import likelihoods
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.likelihoods.responses import Response

SOURCE = Path(neglog.__file__).parent
AT_HOME = ("likelihoods", "fitting/likelihoods")
"""The folders of declarations and of entries, where a likelihood is named."""
EXCEPTIONS = {
    "bench/composed.py": "`quantile` is a keyword of `quantile_loss`.",
    "explanation/__init__.py": "It lists the explanations, each of one likelihood.",
    "fitting/option_table/models.py": "Help names them without importing torch; a test compares.",
    "fitting/tables/stored_levels.py": "It reads columns of polars' and pandas' type Categorical.",
}
"""Files that may ask for one, with the reason."""
NAMES = {form for name in KINDS for form in (name, name.replace("_", "-"))}
DECLARATIONS = {*likelihoods.__all__}


def subclasses(cls: type) -> set[str]:
    return {cls.__name__} | {name for one in cls.__subclasses__() for name in subclasses(one)}


CLASSES = subclasses(Response)


def questions(tree: ast.AST) -> list[str]:
    """Return the expressions that ask which likelihood, or which response, something is."""
    return [ast.unparse(node) for node in ast.walk(tree) if asks(node)]


def asks(node: ast.AST) -> bool:
    """Whether a node tells likelihoods or responses apart."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
        return bool(named(node.args[1]) & CLASSES)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return len(texts(node) & NAMES) > 1
    sides: list[ast.AST] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.match_case):
        sides = [node.pattern]
    elif isinstance(node, ast.Dict):
        sides = [key for key in node.keys if key is not None]
    return any(texts(side) & NAMES or named(side) & (CLASSES | DECLARATIONS) for side in sides)


def texts(node: ast.AST) -> set[str]:
    """Return the texts of an operand: a literal, or a display of literals."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.MatchOr, ast.MatchValue)):
        return {text for child in ast.iter_child_nodes(node) for text in texts(child)}
    return set()


def named(node: ast.AST) -> set[str]:
    """Return the classes that an operand names: plain ones, attributes, and several of them."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, (ast.Call, ast.Subscript, ast.Constant, ast.IfExp)):
        return set()
    return {name for child in ast.iter_child_nodes(node) for name in named(child)}


def files() -> list[str]:
    every = (path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py")))
    return [name for name in every if not name.startswith(tuple(f"{home}/" for home in AT_HOME))]


def test_no_code_asks_which_likelihood_it_is_given():
    found = {
        name: asked
        for name in files()
        if name not in EXCEPTIONS
        and (asked := questions(ast.parse((SOURCE / name).read_text("utf-8"))))
    }
    assert found == {}


def test_every_exception_is_needed_and_has_a_reason():
    for name, reason in EXCEPTIONS.items():
        assert questions(ast.parse((SOURCE / name).read_text("utf-8"))), name
        assert reason.endswith("."), name


@pytest.mark.parametrize(
    "text",
    [
        "isinstance(response, Location)",
        "isinstance(response, Location | classes.Classes)",
        "isinstance(response, (Shaped, Robust))",
        "fit.kind == 'normal'",
        "kind not in ('poisson', 'negative-binomial')",
        "response.declaration is likelihoods.Bernoulli",
        "likelihood in (Gamma, NegativeBinomial)",
        "{'gamma': 1}",
        "_COUNTS = ('poisson', 'negative_binomial')",
        "match kind:\n    case 'normal' | 'laplace': pass",
    ],
)
def test_a_question_would_be_found(text):
    assert questions(ast.parse(text)), text


def test_what_is_no_question_is_not_found():
    for text in ("kind.target == 'numbers'", "isinstance(x, Tensor)", "level == 'quantiles'"):
        assert not questions(ast.parse(text))
