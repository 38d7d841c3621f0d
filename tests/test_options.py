"""The table of options: everything that states an option agrees with it, and nothing else does."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import cyclopts
import pytest

import neglog
from neglog.cli import evaluate, fit, flags, main, predict
from neglog.docstrings import described
from neglog.errors import FitError
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.network.settings import Settings
from neglog.fitting.option_table import models, option, run, wording
from neglog.fitting.option_table.option import Option
from neglog.fitting.option_table.rows import ReadingOptions
from neglog.fitting.option_table.signature import takes
from neglog.fitting.option_table.table import TABLE, CallOptions, Entry, FitOptions, entries
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables import date_parts, table

DOCS = Path(__file__).parents[1] / "docs"
IN_PYTHON = entries(CallOptions)
OWN = {"X", "y", "progress"}


def parameters(function) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def test_the_signature_of_fit_is_the_table() -> None:
    found = parameters(neglog.fit)
    assert set(found) == OWN | set(IN_PYTHON)
    hints = get_type_hints(neglog.fit)
    for name, entry in IN_PYTHON.items():
        assert found[name].default == entry.default, name
        assert found[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert found[name].annotation == entry.type == hints[name], name
    assert list(found)[:2] == ["X", "y"]
    assert (found["X"].default, found["y"].default) == (inspect.Parameter.empty, None)
    assert hints["return"].__name__ == "FitResult"


def test_a_wrong_argument_of_fit_is_named() -> None:
    with pytest.raises(TypeError, match=r"^fit\(\) got an unexpected keyword argument 'l3'"):
        neglog.fit([[0.0]], [1.0], l3=1.0)
    with pytest.raises(TypeError, match=r"^fit\(\) missing 1 required positional argument: 'X'"):
        neglog.fit()


def test_the_docstring_of_fit_describes_every_parameter_once() -> None:
    texts = described(neglog.fit.__doc__)
    assert set(texts) == OWN | set(IN_PYTHON)
    for name, entry in IN_PYTHON.items():
        assert texts[name] == wording.in_python(entry), name
    assert ">>> found = fit(" in neglog.fit.__doc__


def help_of(command, name: str) -> str:
    """Return the help of a flag in one line, without the box around it."""
    app = cyclopts.App(default_command=command)
    argument = app.assemble_argument_collection().get(name)
    return argument.parameter.help


@pytest.mark.parametrize(
    ("command", "expected"),
    [(fit, flags.FIT), (predict, flags.READING), (evaluate, flags.READING)],
    ids=["fit", "predict", "evaluate"],
)
def test_the_flags_are_the_table(command, expected) -> None:
    own = {"table", "config", "folder", "out", "json", "stream", "unseen", "worst"}
    found = parameters(command)
    assert set(found) - own == {entry.name for entry in expected} - own
    for entry in expected:
        name = wording.flag(entry.name)
        assert help_of(command, name) == wording.in_help(entry), name


def test_every_option_of_python_can_be_chosen_on_the_command_line() -> None:
    names = {entry.name for entry in flags.FIT}
    for name, entry in IN_PYTHON.items():
        assert name in names or set(entry.facts.flags) <= names, name
    assert set(run.CommandOptions.__dataclass_fields__) <= names


def test_the_help_shows_choices_ranges_and_defaults(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "2000")
    cyclopts.App(default_command=fit).help_print([])
    lines = capsys.readouterr().out.splitlines()
    for entry in flags.FIT:
        (line,) = [line for line in lines if re.search(rf" {wording.flag(entry.name)} ", line[:60])]
        facts, shown = entry.facts, wording.default(entry)
        assert not shown or f"[default: {shown}]" in line, line
        assert not facts.choices or f"[choices: {', '.join(facts.choices)}]" in line, line
        assert facts.within is None or facts.within.phrase in line.lower(), line


@pytest.mark.parametrize("command", [predict, evaluate])
def test_a_model_is_used_with_the_options_of_its_fit_by_default(command, capsys) -> None:
    cyclopts.App(default_command=command).help_print([])
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert words.count("[default: as in the fit]") == len(flags.READING)


def test_the_page_of_options_is_written_from_the_table() -> None:
    spec = importlib.util.spec_from_file_location("options_page", DOCS / "options.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text()
    assert page == module.page(), "run `make options`"
    for name in TABLE:
        assert re.search(rf"`(--)?{re.escape(name.replace('_', '-'))}`|`{name}`", page), name


def test_what_the_table_says_in_words_is_so() -> None:
    assert tuple(KINDS) == models.LIKELIHOODS
    assert tuple(table.DEMOS) == run.DEMOS
    assert TABLE["epochs"].facts.unset == f"{Settings.epochs} passes"
    assert TABLE["batch_size"].facts.unset == str(Settings.batch)
    network, linear = Options(hidden=[2]), Options()
    assert TABLE["validation"].facts.unset == (
        f"{linear.held_out:g} for newton, {network.held_out:g} otherwise"
    )
    assert TABLE["optimizer"].facts.unset == (
        f"{linear.chosen} for linear models, {network.chosen} for networks"
    )
    for part in (*date_parts.PARTS, *date_parts.ORDERS):
        assert part in TABLE["dates"].facts.help


def test_names_in_braces_are_options() -> None:
    for entry in TABLE.values():
        for text in (wording.in_python(entry), wording.in_help(entry), wording.default(entry)):
            assert not re.search(r"\{[a-z_0-9]+\}", text), text
        facts = entry.facts
        assert {*facts.needs, *facts.excludes, *facts.flags} <= TABLE.keys()
        assert facts.help.endswith(".")


@pytest.mark.parametrize("estimator", [neglog.NLLRegressor, neglog.NLLClassifier])
def test_the_parameters_of_estimators_are_those_of_the_table(estimator) -> None:
    found, hints = parameters(estimator), get_type_hints(estimator.__init__)
    assert set(found) - {"max_iter"} <= entries(FitOptions).keys()
    texts = described(estimator.__doc__)
    assert list(texts) == list(found)
    own = {"likelihood", "max_iter"} | ({"levels"} if estimator is neglog.NLLClassifier else set())
    for name in found.keys() - own:
        entry = TABLE[name]
        assert found[name].default == entry.default, name
        assert hints[name] == entry.type, name
        assert texts[name] == wording.in_estimator(entry)
        if entry.facts.likelihood:
            assert entry.facts.likelihood in texts["likelihood"]


OWN_VALUES = {
    "hidden": [4], "activation": "gelu", "optimizer_options": {"lr": 0.1}, "ensemble": 40,
    "schedule_options": {"a": 1}, "formula": "y ~ x", "bootstrap": 40,
}  # fmt: skip


def value_of(name: str) -> Any:
    """Return a value of an option that is not its default."""
    entry = TABLE[name]
    choices = [choice for choice in entry.facts.choices if choice not in (entry.default, "cluster")]
    other = {bool: True, int: 8, float: 0.1}.get(entry.kind, "x")
    return OWN_VALUES.get(name, choices[0] if choices else other)


SOLVED_BY = {option.NEWTON: {"hidden": [4]}, option.TRAINED: {}, option.NETWORKS: {}}


def limited(fact: str) -> list[str]:
    return [name for name, entry in entries(FitOptions).items() if getattr(entry.facts, fact)]


@pytest.mark.parametrize("name", limited("models"))
def test_an_option_of_another_kind_of_model_is_refused(name) -> None:
    facts = TABLE[name].facts
    others = {other: value_of(other) for other in facts.needs} | SOLVED_BY[facts.models]
    with pytest.raises(FitError, match=rf"^{name}( \(--.*\))? is for {facts.models}, but .*leave"):
        Options(**{name: value_of(name)}, **others)


@pytest.mark.parametrize("name", limited("likelihood"))
def test_an_option_of_another_likelihood_is_refused(name) -> None:
    kind = TABLE[name].facts.likelihood
    with pytest.raises(FitError, match=f"^{name} is for the {kind} likelihood; pass --likelihood"):
        Options(**{name: value_of(name)})


@pytest.mark.parametrize("name", limited("needs"))
def test_an_option_without_the_one_that_it_requires_is_refused(name) -> None:
    needed = " or ".join(TABLE[name].facts.needs)
    with pytest.raises(
        FitError, match=rf"^{name}( \(--.*\))? requires {needed}; pass {needed} too, or leave"
    ):
        Options(**{name: value_of(name)}, hidden=[4])


PAIRS = [(name, other) for name in limited("excludes") for other in TABLE[name].facts.excludes]


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_options_that_exclude_each_other_are_refused(name, other) -> None:
    hidden = {"hidden": [4]} if TABLE[name].facts.models == option.NETWORKS else {}
    reason = TABLE[name].facts.excludes[other]
    with pytest.raises(FitError, match=f"^{reason}; leave out {name} or {other}\\. \\[NL702\\]$"):
        Options(**{name: value_of(name), other: value_of(other)}, **hidden)


@pytest.mark.parametrize("scale", ["stream", "distributed"])
@pytest.mark.parametrize("name", limited("in_memory"))
def test_an_option_that_requires_the_rows_in_memory_is_not_streamed(name, scale) -> None:
    reason = TABLE[name].facts.in_memory
    with pytest.raises(FitError, match=f"^{reason}; leave out {scale} or {name}\\. \\[NL702\\]$"):
        Options(**{name: value_of(name), scale: True})
    if scale == "distributed" and name == "formula":
        Options(formula="y ~ x", distributed=True, hidden=[4])  # its rows are in memory


@pytest.mark.parametrize("name", limited("choices"))
def test_an_unknown_choice_is_refused(name) -> None:
    listed = re.escape(" or ".join(TABLE[name].facts.choices))
    if name == "decimal":
        listed = "'.' or ','"
    with pytest.raises(FitError, match=f"^{name} must be {listed}, but got 'x'\\."):
        Options(**{name: "x"})


@pytest.mark.parametrize("value", [-1, float("nan"), 2**70])
@pytest.mark.parametrize("name", limited("within"))
def test_a_number_out_of_its_range_is_refused(name, value) -> None:
    within = TABLE[name].facts.within
    kind = TABLE[name].kind
    if within.contains(value) or (kind is int and value != value):
        return
    with pytest.raises(FitError, match=f"^{name} must {re.escape(within.words)}, but got"):
        Options(**{name: kind(value)})


def test_an_option_is_one_entry() -> None:
    """An invented option appears in the signature, the docstring, the flags and the checks."""

    @dataclass(frozen=True, kw_only=True)
    class Invented:
        haste: Annotated[
            float | None,
            Option("How fast.", option.MODEL, unset="slowly", within=option.FRACTION),
        ] = None

    @dataclass(frozen=True)
    class Call(Invented):
        X: Any
        _: KW_ONLY
        rows: Sequence[int] = ()

    globals().update(Invented=Invented, Call=Call)

    @takes(Call)
    def hurry(call: Call) -> float | None:
        """Hurry.

        Args:
            X: numbers.
            rows: others.
        """
        return call.haste

    assert str(inspect.signature(hurry)) == (
        "(X: Any, *, haste: float | None = None, rows: collections.abc.Sequence[int] = ()) "
        "-> float | None"
    )
    assert hurry(1, haste=0.5) == 0.5
    assert described(hurry.__doc__)["haste"] == "How fast. In [0, 1). By default: slowly."
    with pytest.raises(TypeError, match=r"hurry\(\) got an unexpected keyword argument 'hast'"):
        hurry(1, hast=0.5)

    @flags.with_options(entries(Invented).values())
    def command(**chosen: Any) -> Any:
        return chosen

    app = cyclopts.App(default_command=command, result_action="return_value")
    assert app(["--haste", "0.5"]) == {"haste": 0.5}
    assert app([]) == {}
    assert help_of(command, "--haste") == "How fast. In [0, 1)."


def test_reading_options_are_those_of_a_reading() -> None:
    from neglog.fitting.tables.reading import Reading

    for name, entry in entries(ReadingOptions).items():
        assert getattr(Reading(), name) == entry.default
        assert isinstance(entry, Entry)


@pytest.mark.parametrize(
    "words", ["fit --seed 1.5", "fit --ensemble 39.5", "evaluate run t.csv --worst 2.5"]
)
def test_the_flags_of_whole_numbers_do_not_round(words, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    assert f'"{words.split()[-1]}" is not a whole number' in capsys.readouterr().err
