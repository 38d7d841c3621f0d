"""Likelihoods that exist nowhere in neglog, from a fit to their use in another process."""

import json
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
import torch
from scipy import optimize, stats
from sklearn.base import clone
from torch import distributions

import neglog
from neglog import REGISTRY, likelihoods
from neglog.cli import main
from neglog.errors import FitError
from neglog.fitting.likelihoods import own
from neglog.fitting.likelihoods.registry import KINDS
from neglog.likelihood import Elementwise
from neglog.primitives import exp, log1p
from neglog.report.losses import loss_formula
from neglog.report.quantiles import quantile_residuals
from neglog.support import real

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "own" / "my_losses.py"
GEOMETRIC, WALD = f"{FILE}:geometric", f"{FILE}:InverseGaussian"


pytestmark = pytest.mark.usefixtures("own_likelihoods")


def drawn(count=300):
    random = np.random.default_rng(3)
    x = random.standard_normal((count, 2))
    eta = 0.6 * x[:, 0] - 0.2 * x[:, 1] + 0.5
    return x, random.geometric(1 / (1 + np.exp(eta))) - 1, random.wald(np.exp(eta), 2.0)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    x, counts, times = drawn()
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "count": counts, "time": times})
    frame.write_csv("table.csv")
    return frame


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def test_a_likelihood_without_settings_agrees_with_statsmodels():
    x, y, _ = drawn()
    ours = neglog.fit(x, y, likelihood=GEOMETRIC)
    family = sm.families.NegativeBinomial(alpha=1.0)  # which is geometric
    theirs = sm.GLM(y, sm.add_constant(x), family).fit(tol=1e-14)
    assert ours.converged
    np.testing.assert_allclose(ours.coefficients.estimate, theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.coefficients.error, theirs.bse, rtol=1e-7)
    assert ours.statistics.log_likelihood == pytest.approx(theirs.llf, rel=1e-11)
    assert ours.statistics.deviance == pytest.approx(theirs.deviance, rel=1e-10)
    assert ours.statistics.null_deviance == pytest.approx(theirs.null_deviance, rel=1e-10)
    assert ours.statistics.pearson == pytest.approx(theirs.pearson_chi2, rel=1e-8)
    quasi = neglog.fit(x, y, likelihood=GEOMETRIC, covariance="quasi")
    scaled = sm.GLM(y, sm.add_constant(x), family).fit(tol=1e-14, scale="X2")
    np.testing.assert_allclose(quasi.coefficients.error, scaled.bse, rtol=1e-7)


def test_settings_are_estimated_with_the_weights():
    x, _, y = drawn()
    ours = neglog.fit(x, y, likelihood=WALD)
    family = sm.families.InverseGaussian(sm.families.links.Log())
    theirs = sm.GLM(y, sm.add_constant(x), family).fit(tol=1e-14)
    weights, dispersion = ours.coefficients.estimate[:-1], math.exp(ours.coefficients.estimate[-1])
    np.testing.assert_allclose(weights, theirs.params, rtol=1e-9)
    assert dispersion == pytest.approx(theirs.deviance / len(y), rel=1e-9)  # greatest likelihood
    hessian = -theirs.model.hessian(theirs.params, scale=dispersion, observed=True)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    np.testing.assert_allclose(ours.coefficients.error[:-1], errors, rtol=1e-8)
    assert ours.coefficients.error[-1] == pytest.approx(math.sqrt(2 / len(y)), rel=1e-8)


@pytest.mark.parametrize(("unit", "origin"), [(1.0, 0.0), (1e4, 1e5), (1e-6, 0.0)])
def test_a_scale_is_estimated_in_any_unit(unit, origin):
    x, *_ = drawn()
    errors = stats.logistic.rvs(size=len(x), random_state=np.random.default_rng(1))
    y = origin + unit * (x[:, 0] - 0.2 * x[:, 1] + errors)
    found = neglog.fit(x, y, likelihood=f"{FILE}:Logistic")
    assert found.converged, found.outcome

    def loss(at):  # in units of the errors
        output = (sm.add_constant(x) @ at[:-1] - (y - origin) / unit) / np.exp(at[-1])
        return -stats.logistic.logpdf(output).sum() + len(x) * at[-1]

    best = optimize.minimize(loss, np.zeros(4), tol=1e-9)
    estimate = found.coefficients.estimate / unit
    estimate[0] -= origin / unit
    estimate[-1] = found.coefficients.estimate[-1] - math.log(unit)
    np.testing.assert_allclose(estimate, best.x, atol=1e-5)
    assert found.loss * len(x) == pytest.approx(best.fun + len(x) * math.log(unit), rel=1e-9)


def test_the_example_of_the_documentation(tmp_path):
    text = (ROOT / "docs" / "fit.md").read_text("utf-8")
    code, entry = re.findall(r"```python\n(# my_losses\.py\n.*?)```", text, re.DOTALL)
    (tmp_path / "my_losses.py").write_text(code + entry, "utf-8")
    x = drawn()[0]
    eta = torch.from_numpy(0.6 * x[:, 0] - 0.2 * x[:, 1])
    scale = 2 / math.sqrt(math.pi) * eta.exp()
    torch.manual_seed(0)
    y = distributions.Weibull(scale, 2.0).sample()
    found = neglog.fit(x, y.numpy(), likelihood=f"{tmp_path / 'my_losses.py'}:Rayleigh")
    columns = torch.from_numpy(sm.add_constant(x))

    def loss(weights):
        scale = 2 / math.sqrt(math.pi) * (columns @ weights).exp()
        return -distributions.Weibull(scale, 2.0).log_prob(y).sum()

    weights = torch.from_numpy(found.coefficients.estimate)
    assert float(loss(weights)) == pytest.approx(found.loss * len(y), rel=1e-12)
    slope = torch.autograd.functional.jacobian(loss, weights)
    np.testing.assert_allclose(slope, 0, atol=1e-7)
    errors = torch.linalg.inv(4 * columns.T @ columns).diagonal().sqrt()  # Fisher's information
    np.testing.assert_allclose(found.coefficients.error, errors, rtol=1e-12)
    assert found.statistics.deviance is None  # the score is linear in y², not in y
    assert found.statistics.pearson is None
    residuals = quantile_residuals(found, found.training)
    assert abs(residuals.mean()) < 0.1 and abs(residuals.std() - 1) < 0.1
    with pytest.raises(FitError, match="quasi is for likelihoods whose mean fixes their variance"):
        neglog.fit(x, y.numpy(), likelihood=found.likelihood, covariance="quasi")


@pytest.mark.parametrize(
    ("name", "other", "likelihood"), [("count", "time", GEOMETRIC), ("time", "count", WALD)]
)
def test_a_streamed_fit_is_that_in_memory(table, name, other, likelihood):
    whole, streamed = (
        neglog.fit("table.csv", target=name, drop=[other], likelihood=likelihood, stream=stream)
        for stream in (False, True)
    )
    np.testing.assert_allclose(
        streamed.coefficients.estimate, whole.coefficients.estimate, rtol=1e-9
    )
    assert streamed.statistics.deviance == pytest.approx(whole.statistics.deviance, rel=1e-12)


def test_a_network_learns_it(tmp_path):
    x, y, _ = drawn()
    found = neglog.fit(x, y, likelihood=GEOMETRIC, hidden=[8], epochs=30, out=tmp_path / "out")
    assert found.loss < found.null_loss
    reopened = neglog.predict(tmp_path / "out", x).frame["predicted"]
    np.testing.assert_array_equal(reopened, found.predict(x).frame["predicted"])
    with pytest.raises(FitError, match=r"the huber likelihood has parameters in addition"):
        neglog.fit(x, y, likelihood="huber", hidden=[8])


def test_the_report_has_the_formula_and_the_figures(table, tmp_path):
    for likelihood, name, formula in (
        (GEOMETRIC, "count", "log(exp(z) + 1)"), (WALD, "time", "dispersion")
    ):  # fmt: skip
        x = table.select("a", "b")
        found = neglog.fit(x, table[name], likelihood=likelihood, out=tmp_path / name)
        page = (tmp_path / name / "report.html").read_text("utf-8")
        assert "quantile residual" in page and page.count("<svg") >= 3
        assert f"{found.fitted.target.facts.title} likelihood" in page
        expression, words = loss_formula(found.fitted.target.facts)
        assert formula in str(expression) and "log mean" in words
        truth = found.training.truth
        at = {"z": math.log(found.training.predicted[0]), "y": truth[0]}
        at["dispersion"] = math.exp(found.coefficients.estimate[-1])
        value = expression.rhs.subs(
            {symbol: at[symbol.name] for symbol in expression.rhs.free_symbols}
        )
        assert float(value) == pytest.approx(found.training.loss[0], rel=1e-12)
        residuals = quantile_residuals(found, found.training)
        assert abs(residuals.mean()) < 0.1 and abs(residuals.std() - 1) < 0.1


def test_it_is_saved_reopened_evaluated_and_reported(table, tmp_path, run):
    rows = ("table.csv", "--target", "count", "--drop", "time")
    code, out, err = run("fit", *rows, "--likelihood", GEOMETRIC, "--out", "o")
    assert (code, err) == (0, "")
    assert "geometric" in out and "odds" not in out
    found = neglog.fit("table.csv", target="count", drop="time", likelihood=GEOMETRIC)
    again = neglog.fit(table.select("a", "b"), table["count"], likelihood=GEOMETRIC)
    np.testing.assert_array_equal(again.coefficients.estimate, found.coefficients.estimate)
    weighed = neglog.evaluate("o", "table.csv")
    assert weighed.likelihood == "geometric"
    assert weighed.loss_nats == pytest.approx(found.loss, rel=1e-12)
    page = Path("o/report.html").read_bytes()
    assert run("report", "o", "--out", "again.html")[0] == 0
    assert Path("again.html").read_bytes() == page
    code, out, _ = run("evaluate", "o", "table.csv", "--json")
    assert code == 0 and json.loads(out)["likelihood"] == "geometric"
    code, out, _ = run("fit", "--config", "o/config.toml", "--out", "p")
    assert code == 0
    assert Path("p/coefficients.csv").read_bytes() == Path("o/coefficients.csv").read_bytes()


@pytest.mark.slow
def test_another_process_finds_the_file(table):
    neglog.fit("table.csv", target="count", drop="time", likelihood=GEOMETRIC, out="o")
    here = neglog.predict("o", "table.csv").frame["predicted"].to_list()
    words = [sys.executable, "-m", "neglog", "predict", "o", "table.csv", "--json"]
    there = json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)
    assert [row["predicted"] for row in there["rows"]] == here


def test_a_module_is_found_by_its_name(table, run, monkeypatch):
    monkeypatch.syspath_prepend(str(FILE.parent))
    monkeypatch.delitem(sys.modules, "my_losses", raising=False)
    rows = ("table.csv", "--target", "count", "--drop", "time", "--out", "o")
    assert run("fit", *rows, "--likelihood", "my_losses:geometric")[0] == 0
    assert neglog.evaluate("o", "table.csv").likelihood == "geometric"
    sys.modules.pop("my_losses")


def test_a_declaration_itself_is_a_likelihood(table, tmp_path):
    entry = own.find(own.reference(GEOMETRIC))
    found = neglog.fit(
        table.select("a", "b"), table["count"], likelihood=entry.declaration, out="o"
    )
    assert found.options.likelihood == f"{FILE}:Geometric"
    weighed = neglog.evaluate("o", table.select("a", "b"), table["count"])
    assert weighed.loss_nats == pytest.approx(found.loss, rel=1e-12)
    assert neglog.fit(table.select("a"), table["count"], likelihood=entry).options.likelihood == (
        f"{FILE}:geometric"
    )


def test_a_run_that_only_this_process_can_open_says_so(tmp_path):
    class Local(own.find(own.reference(GEOMETRIC)).declaration):
        """A copy that no import finds."""

    x, y, _ = drawn()
    found = neglog.fit(x, y, likelihood=Local, out=tmp_path / "out")
    words = "only this process can open the saved run, because its likelihood is declared in a func"
    assert any(note.startswith(words) for note in found.notes)
    summary = " ".join((tmp_path / "out" / "summary.txt").read_text("utf-8").split())
    assert words in summary
    neglog.predict(tmp_path / "out", x)
    assert own.only_here("__main__:Local")[0].endswith("pass file.py:Name or module:Name.")
    assert not own.only_here(GEOMETRIC) + own.only_here("poisson") + own.only_here(None)


def test_a_declaration_of_neglog_is_its_entry():
    x, y, _ = drawn()
    named = neglog.fit(x, y, likelihood="poisson")
    for likelihood in (likelihoods.Poisson, "neglog.likelihoods:Poisson"):
        found = neglog.fit(x, y, likelihood=likelihood)
        assert found.fitted.target.facts is KINDS["poisson"]
        np.testing.assert_array_equal(found.coefficients.error, named.coefficients.error)


def test_an_estimator_fits_it():
    x, y, times = drawn()
    entry = own.find(own.reference(GEOMETRIC))
    fit = neglog.fit(x, y, likelihood=GEOMETRIC)
    for likelihood in (GEOMETRIC, entry.declaration):
        model = clone(neglog.NLLRegressor(likelihood)).fit(x, y)
        np.testing.assert_allclose(model.predict(x), fit.training.predicted, rtol=1e-12)
    restored = pickle.loads(pickle.dumps(neglog.NLLRegressor(GEOMETRIC).fit(x, y)))
    np.testing.assert_array_equal(restored.predict(x), model.predict(x))
    model = neglog.NLLRegressor(WALD).fit(x, times)
    np.testing.assert_allclose(
        model.predict(x), neglog.fit(x, times, likelihood=WALD).training.predicted, rtol=1e-12
    )


def test_separation_is_found_by_the_links_end():
    x = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [2.0]])
    found = neglog.fit(x, [1, 2, 4, 0, 0, 0], likelihood=GEOMETRIC)
    assert not found.converged and "separated" in found.outcome


def test_targets_outside_the_support_are_refused():
    with pytest.raises(FitError, match="a number above 0 for the inverse_gaussian likelihood"):
        neglog.fit([[0.0], [1.0], [2.0]], [1.0, 0.0, 3.0], likelihood=WALD)


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [
        (
            "poison",
            "fit has no likelihood 'poison', did you mean 'poisson'; choose one of bernoulli",
        ),
        ("nowhere.py:Geometric", r"the likelihood's file .*nowhere\.py is not there"),
        ("nowhere:Geometric", "the likelihood's module 'nowhere' cannot be imported"),
        (f"{FILE}:Nothing", "declares no likelihood 'Nothing'"),
        (f"{FILE}:exp", "must be a declaration, a subclass of neglog.likelihood.Elementwise"),
        ("neglog.likelihoods:CategoricalLogProbability", "it must be Elementwise"),
        ("neglog.likelihoods:HeteroscedasticNormal", "must state a link, from the target's loca"),
        ("neglog.likelihoods:PoissonRate", "it must state a link"),
        (f"{FILE}:PerTrial", r"it has given tensors \(exposure\), for which a fit has no columns"),
        (f"{FILE}:Above", r"after the first must be any number.* unlike log_scale \(at least 2\)"),
        (f"{FILE}:Kinked", "its loss must be smooth"),
        (Elementwise, "cannot use the declaration Elementwise: it is abstract; pass a subclass"),
        ("neglog.likelihood:Rows", "cannot use the declaration Rows: it is abstract"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(likelihood, words):
    with pytest.raises(FitError, match=words):
        neglog.fit([[0.0], [1.0], [2.0]], [1.0, 0.0, 3.0], likelihood=likelihood)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class Broken(:", r"mine\.py cannot be imported \(SyntaxError: .*\); fix it"),
        (
            "import neglog.nothing",
            r"imported \(ModuleNotFoundError: .* 'neglog\.nothing'\); fix it",
        ),
        ("exp(1)", r"mine\.py cannot be imported \(NameError: name 'exp' is not defined\)"),
        ("1 / 0", r"mine\.py cannot be imported \(ZeroDivisionError: division by zero\); fix it"),
        (
            "class Odd(Exception): pass\nraise Odd(1)",
            r"mine\.py cannot be imported \(Odd: 1\); fix it",
        ),
        ("raise SystemExit(0)", r"mine\.py cannot be imported \(SystemExit: 0\); fix it"),
        ("open('/nowhere/data')", r"mine\.py cannot be imported \(FileNotFoundError: .*\); fix it"),
    ],
)
def test_a_file_that_fails_is_named_with_its_error(tmp_path, text, words):
    (tmp_path / "mine.py").write_text(text, "utf-8")
    with pytest.raises(FitError, match=words):
        neglog.fit([[0.0], [1.0]], [1.0, 2.0], likelihood=f"{tmp_path / 'mine.py'}:Broken")
    assert "mine" not in sys.modules


def test_a_file_that_was_edited_runs_again(tmp_path):
    x, y, _ = drawn()
    mine, text = tmp_path / "edited.py", FILE.read_text("utf-8")
    mine.write_text(text, "utf-8")
    before = neglog.fit(x, y, likelihood=f"{mine}:Geometric")
    doubled = text.replace("return softplus(log_mean)", "return 1.0 + softplus(log_mean)", 1)
    mine.write_text(doubled.replace("class InverseGaussian", "class Other"), "utf-8")
    after = neglog.fit(x, y, likelihood=f"{mine}:Geometric", epochs=1)
    assert after.null_loss > 1.1 * before.null_loss
    assert own.find(own.reference(f"{mine}:Other")).name == "other"
    with pytest.raises(FitError, match="declares no likelihood 'InverseGaussian'"):
        neglog.fit(x, y, likelihood=f"{mine}:InverseGaussian")
    restored = pickle.loads(pickle.dumps(before))
    np.testing.assert_array_equal(restored.predict(x).frame, before.predict(x).frame)


def test_a_mean_that_the_link_does_not_allow_is_named():
    x, y, _ = drawn()
    with pytest.raises(FitError, match=r"the target's mean is -\d+.*, which the log link does not"):
        neglog.fit(x, y - 100.0, likelihood=f"{FILE}:AnySign")


@pytest.mark.slow
def test_a_saved_model_names_the_file_that_is_gone(table, tmp_path):
    moved = tmp_path / "moved.py"
    moved.write_bytes(FILE.read_bytes())
    neglog.fit("table.csv", target="count", drop="time", likelihood=f"{moved}:Geometric", out="o")
    moved.unlink()
    code = "import neglog; neglog.predict('o', 'table.csv')"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"the likelihood's file {moved} is not there; put it back" in there.stderr


def test_a_declaration_of_a_known_name_replaces_nothing(tmp_path):
    known = REGISTRY["poisson"]
    text = re.sub(r"\bGeometric\b", "Poisson", FILE.read_text("utf-8"))
    (tmp_path / "mine.py").write_text(text, "utf-8")
    x, y, _ = drawn()
    found = neglog.fit(x, y, likelihood=f"{tmp_path / 'mine.py'}:Poisson")
    assert REGISTRY["poisson"] is known
    assert found.loss == pytest.approx(neglog.fit(x, y, likelihood=GEOMETRIC).loss, rel=1e-12)


class Incomplete(neglog.Elementwise):
    """Student's t without the terms that depend on df alone."""

    inputs, settings, support, link = ("location", "log_scale"), ("df",), real, "identity"

    def nll(location, log_scale, df, y):
        z = (y - location) * exp(-log_scale)
        return log_scale + 0.5 * (df + 1.0) * log1p(z * z / df)


def test_terms_that_the_declaration_omits_are_named():
    x, y, _ = drawn()
    y = np.asarray(y, dtype=float)
    with pytest.raises(FitError, match="depends on df, so that its estimate would be wrong"):
        neglog.fit(x, y, likelihood=Incomplete)
    found = neglog.fit(x, y, likelihood=Incomplete, settings={"df": 4.0})
    assert any("likelihood sums to" in note and "omits a constant" in note for note in found.notes)
