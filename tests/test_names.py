"""Names in backticks and paths exist: in the docs, and in docstrings and comments of the source."""

from __future__ import annotations

import ast
import builtins
import functools
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
QUOTING = ("pitfalls", "from-keras", "from-liger", "from-r")  # pages that name what others have
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [path for path in PAGES if path.stem not in QUOTING]
PYTHON = [p for name in ("src", "tests", "docs", "benchmarks") for p in (ROOT / name).rglob("*.py")]
ROOTS = ["src", "tests", "docs", "benchmarks", "examples"]
PATHS = [f"/{name}" for name in ROOTS] + [
    "/" + path.relative_to(ROOT).as_posix()
    for name in ROOTS
    for path in (ROOT / name).rglob("*")
    if path.suffix in (".py", ".md") or path.is_dir()
]
PLACES = re.compile(r"[\w./-]+/[\w.-]*|[\w./-]+\.(?:py|md)")
LITERAL = re.compile(r'""".*?"""|"[^"\n]*"|#[^\n]*', re.DOTALL)
EXAMPLES = {
    "FOLDER", "PT1H30M", "rayleigh", "quasibinomial", "quasipoisson", "net",
    "TEXT", "Declaration", "medium", "north", "venv",  # what users write
    "x_0", "x_1",  # of generated code
    "sav", "rds", "pyproject", "constraints", "TRITON_INTERPRET",  # of others
}  # fmt: skip
FILES = {"file.py", "my_losses.py", "N/A", "n/a", "/"}


@functools.cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline))


@functools.cache
def docstrings(path: Path) -> set[int]:
    """Return the lines at which docstrings begin."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return {n.body[0].lineno for n in nodes if isinstance(n, kinds) and ast.get_docstring(n)}


def known() -> set[str]:
    """Return every name of the code, and every word of the source's literals and of the paths."""
    names = {*dir(builtins), *keyword.kwlist}
    names |= {part.removesuffix(".py") for path in PATHS for part in path.split("/")}
    for path in PYTHON:
        if ROOT / "src" not in path.parents:
            names |= {*re.findall(r"\w+", re.sub(LITERAL, "", path.read_text("utf-8")))}
            continue
        first = docstrings(path)
        for token in tokens(path):
            if token.type == tokenize.NAME:
                names.add(token.string)
            elif token.type == tokenize.STRING and token.start[0] not in first:
                names |= {*re.findall(r"\w+", token.string)}
    settings = (ROOT / name for name in ("Makefile", "pyproject.toml"))
    return names | {word for path in settings for word in re.findall(r"\w+", path.read_text())}


def texts() -> Iterator[tuple[str, str]]:
    """Yield the pages, docstrings and comments, each with its place."""
    for path in PAGES:
        yield path.name, path.read_text("utf-8")
    for path in (ROOT / "src").rglob("*.py"):
        first = docstrings(path)
        for token in tokens(path):
            is_docstring = token.type == tokenize.STRING and token.start[0] in first
            if is_docstring or token.type == tokenize.COMMENT:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


def missing(quoted: str, names: set[str]) -> list[str]:
    """Return the names, or the path, of a text in backticks that do not exist."""
    if PLACES.fullmatch(quoted):
        place = "/" + quoted.strip("/")
        found = any(p.endswith((place, f"{place}.py")) for p in PATHS) or quoted in FILES
        return [] if found or quoted.startswith((".", "benchmarks/results")) else [quoted]
    words = re.findall(r"[A-Za-z_]\w{2,}", quoted)
    words = [] if quoted.startswith("neglog ") else words
    return [word for word in words if word not in names | EXAMPLES]


def test_a_missing_name_is_found():
    names = known()
    assert missing("engine/loops/", names)
    assert missing("fitting/api.pyx/", names)
    assert missing("no_such_name(x)", names) == ["no_such_name"]
    assert not missing("engine/cpu/kernels/", names)
    assert not missing("LinearStatistics", names)


def test_names_in_backticks_exist():
    names = known()
    found = [
        f"{place}: {name}"
        for place, text in texts()
        for quoted in re.findall(r"`+([^`\n]+)`+", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for name in missing(quoted, names)
    ]
    assert not found, "\n".join(found)
