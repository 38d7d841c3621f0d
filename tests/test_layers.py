import re
from itertools import pairwise
from pathlib import Path

import grimp
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture(scope="module")
def graph():
    """All imports of the package, those inside functions and for type checkers included."""
    return grimp.build_graph("neglog")


@pytest.fixture(scope="module")
def layers() -> list[list[str]]:
    """The layers that `lint-imports` checks, the highest first, without the package's name."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = (one for one in config["contracts"] if one["id"] == "layers")
    return [
        [name.removeprefix("neglog.") for name in layer.split(" | ")]
        for layer in contract["layers"]
    ]


def cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    modules = sorted(graph.modules)
    number = {name: k for k, name in enumerate(modules)}
    pairs = [
        (number[name], number[other])
        for name in modules
        for other in graph.find_modules_directly_imported_by(name)
    ]
    rows, columns = zip(*pairs, strict=True)
    matrix = csr_array(([1] * len(pairs), (rows, columns)), shape=(len(modules),) * 2)
    count, labels = connected_components(matrix, connection="strong")
    groups: list[list[str]] = [[] for _ in range(count)]
    for name, label in zip(modules, labels, strict=True):
        groups[label].append(name)
    return [group for group in groups if len(group) > 1]


def test_no_modules_import_each_other_in_a_circle(graph):
    assert cycles(graph) == []


def test_a_circle_would_be_found():
    graph = grimp.ImportGraph()
    for importer, imported in pairwise(["a", "b", "c", "a"]):
        graph.add_import(importer=importer, imported=imported)
    graph.add_import(importer="a", imported="d")
    assert cycles(graph) == [["a", "b", "c"]]


def test_every_module_has_a_layer(graph, layers):
    named = [name for layer in layers for name in layer]
    assert len(named) == len(set(named))
    folders = {"neglog": named, "neglog.fitting": [n for n in named if n.startswith("fitting.")]}
    there = {
        child.removeprefix("neglog.") for name in folders for child in graph.find_children(name)
    }
    assert there - {"__main__", "fitting"} == set(named)


def test_contributing_shows_the_layers(layers):
    (shown,) = re.findall(r"### Layers\n.*?```\n(.*?)```", CONTRIBUTING, flags=re.DOTALL)
    assert [line.split(" | ") for line in shown.splitlines()] == layers


def test_contributing_lays_out_every_folder(graph, layers):
    (layout,) = re.findall(r"## Layout\n.*?```\nsrc/neglog/\n(.*?)```", CONTRIBUTING, re.DOTALL)
    for name in (name for layer in layers for name in layer):
        if name.startswith("_"):
            continue
        folder = bool(graph.find_children(f"neglog.{name}"))
        path = name.replace(".", "/")
        assert re.search(rf"\b{path}" + ("/" if folder else r"(\.py|\b)"), layout), name
