"""`neglog.verify`: each fault is named with its point; the built-in declarations have none."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import cases
import mpmath as mp
import pytest
import torch

import neglog
from neglog.cli import main
from neglog.errors import NeglogError
from neglog.primitives import log, where
from neglog.support import counts, open_unit_interval, positive, real
from neglog.verification import points, speed, totals
from neglog.verification.exactness import ulps
from neglog.verification.rewritings import rewritings
from neglog.verification.subject import Subject, in_digits

FILE = Path(__file__).parent / "own" / "verified.py"
pytestmark = pytest.mark.usefixtures("own_likelihoods")


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    monkeypatch.setattr(speed, "ELEMENTS", 1000)


def verified(name, **settings):
    found = neglog.verify(f"{FILE}:{name}", **settings)
    return found, [str(finding) for finding in found.findings if "takes" not in finding.message]


def test_a_right_declaration_passes(tmp_path):
    found, messages = verified("StudentT", df=4.0)
    assert found.passed
    assert all("-inf" in m or "at location = inf" in m for m in messages)  # not at finite points
    page = tmp_path / "page.html"
    found.to_html(page)
    assert "StudentT: verified" in page.read_text("utf-8")
    assert "integral" in str(found)
    assert found.results[1].data["totals"] == pytest.approx([1.0] * totals.POINTS, abs=1e-10)
    assert json.dumps(found.as_dict()["checks"]["Exactness"])


def test_a_missing_constant_is_weak_and_a_wrong_derivative_fails():
    found, messages = verified("Forgotten")
    assert not found.passed
    (total,) = [m for m in messages if "total" in m]
    assert total.startswith("weak: ")
    assert re.search(
        r"probability is 3\.141592654 at location = .*state `constant`, here 1\.14", total
    )
    (grad,) = [m for m in messages if "`grad` is" in m]
    assert re.search(r"location = .*derivative of `nll` is .*remove it from the class", grad)


def test_forms_that_cancel_are_named_with_their_rewriting():
    found, messages = verified("Naive")
    assert found.passed  # weak, not wrong
    large = next(m for m in messages if "loss in float64" in m and "large" in m)
    assert re.search(r"off by [\d.]+e\+1[45] units .* about 1[456] digits, at logit = \d", large)
    assert any(
        "write y * softplus(-logit) + (1.0 - y) * softplus(logit) instead" in m for m in messages
    )


def test_a_loss_that_is_not_finite_at_a_valid_point_fails():
    found, messages = verified("LogSigmoid")
    assert not found.passed
    assert any(re.search(r"loss in float64 is NaN at logit = \d+\.\d+, y = 1", m) for m in messages)
    assert any("write -softplus(-logit) instead of log(sigmoid(logit))" in m for m in messages)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Infinite",
            r"loss is infinite at log_mean = \S+, y = 0, a target in the support: exclude it",
        ),
        (
            "Bounded",
            r"loss is infinite at location = \S+, y = \S+, a valid point \(and .*\): exclude it",
        ),
        (
            "Unlogged",
            r"loss is NaN at rate = -\S+, y = \d+, a valid point .*: state neglog.support.positive "
            r"for rate in `domains`, or take exp\(rate\)",
        ),
        (
            "Exposed",
            r"total probability is .* exposure = \S+, not 1, and differs from point to point: .*"
            r"such as log_gamma\(y \+ 1.0\), state them in `constant`",
        ),
        ("Divergent", r"total probability is inf at location = \S+, not 1"),
        ("Skewed", r"mean of the derivative by location is 0.25 at location = \S+, not 0"),
        ("Doubled", r"total probability of the classes is 0\.\d+ at log_p = .+, not 1"),
        ("Constant", r"loss is 1 at log_p = \S+, y = 0, but a class with y = 0 must contribute 0"),
    ],
)
def test_a_fault_at_a_valid_point_fails(name, message):
    found, messages = verified(name)
    assert not found.passed
    assert any(re.search(message, m) for m in messages)


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("Bounded", ["Finite losses"]),
        ("Unlogged", ["Finite losses", "Ends of the support and infinity"]),
        ("Exposed", ["Total probability and mean score"]),
        ("Skewed", ["Total probability and mean score", "Derivatives"]),
    ],
)
def test_only_the_cause_is_blamed(name, checks):
    found, _ = verified(name)
    wrong = [finding.check for finding in found.findings if finding.level == "wrong"]
    assert sorted(set(wrong)) == sorted(checks)
    assert wrong.count("Total probability and mean score") <= 1


@pytest.mark.parametrize(
    ("formula", "better"),
    [
        ("log(1.0 + x)", "log1p(x)"),
        ("exp(x) - 1.0", "expm1(x)"),
        ("1.0 - sigmoid(x)", "sigmoid(-x)"),
        ("log(sigmoid(x))", "-softplus(-x)"),
        ("log(1.0 + exp(x))", "softplus(x)"),
        ("log_gamma(x + y) - log_gamma(x)", "log_rising(x, y)"),
        ("softplus(x) - y * x", "y * softplus(-x) + (1.0 - y) * softplus(x)"),
        ("x * x - y * y", "(x - y) * (x + y)"),
        ("log(0.5 * erfc(-x))", "log_ndtr(x)"),
        ("absolute(x) + log(i0e(x))", "log_i0(x)"),
    ],
)
def test_rewritings(formula, better):
    class Declared:
        nll = staticmethod(eval(f"lambda x, y: {formula}"))
        elementwise, inputs, given, settings = True, ("x",), (), ()

        @staticmethod
        def term_inputs():
            return ("x",)

    assert any(f"write {better}" in advice for advice in rewritings(Subject(Declared, ())))


@pytest.mark.parametrize("formula", ["log1p(x)", "softplus(-x) + x * y", "x - y", "exp(-x) + y"])
def test_exact_forms_are_not_rewritten(formula):
    class Declared:
        nll = staticmethod(eval(f"lambda x, y: {formula}"))

        @staticmethod
        def term_inputs():
            return ("x",)

    assert rewritings(Subject(Declared, ())) == []


@pytest.mark.parametrize(
    ("support", "density", "mass"),
    [
        (real, lambda y: torch.exp(-(((y - 3.0) / 0.01) ** 2)), 0.01 * math.sqrt(math.pi)),
        (real, lambda y: torch.exp(-abs(y - 0.7)), 2.0),
        (real, lambda y: 1 / (1 + (y + 40.0) ** 2), math.pi),
        (positive, lambda y: y**-0.5 * torch.exp(-y), math.sqrt(math.pi)),
        (open_unit_interval, lambda y: y**-0.5 * (1 - y) ** 2.0, 16 / 15),
        (counts, lambda y: 0.99**y, 100.0),
        (real, lambda y: (1 + y * y) ** -0.5, math.inf),
        (positive, lambda y: 1 / (1 + y), math.inf),
    ],
)
def test_totals(support, density, mass):
    found = totals.total(support, lambda y: density(y)[:, None])
    assert found[0] == pytest.approx(mass, rel=1e-8)


def test_a_pole_in_a_branch_that_is_not_chosen_does_not_matter():
    formula = in_digits(lambda x, y: where(x == 0.0, 1.0, log(x) * y / x))
    assert formula(0.0, 2.0) == 1.0
    assert formula(1.0, 2.0) == 0.0


def test_ulps():
    third = mp.mpf(1) / 3
    assert ulps(float(third), third, mp.mpf(0), torch.float64) < 0.5
    assert ulps(float(third) + 3 * 2.0**-54, third, mp.mpf(0), torch.float64) == pytest.approx(
        3, abs=0.5
    )
    assert ulps(math.nan, third, mp.mpf(0), torch.float64) == math.inf
    assert ulps(math.inf, mp.mpf(10) ** 400, mp.mpf(0), torch.float64) == 0.0
    assert ulps(0.0, mp.mpf(10) ** -400, mp.mpf(0), torch.float64) < 1.0


@pytest.mark.parametrize("likelihood", cases.ELEMENTWISE, ids=lambda c: c.name)
def test_the_points_are_legal_and_near_their_regime(likelihood):
    subject = Subject(likelihood, tuple(cases.settings(likelihood)))
    drawn = points.drawn(subject)
    assert all(len(found) >= points.COUNT / 2 for found in drawn.values())
    for point in drawn[points.NEAR_OPTIMUM]:
        assert likelihood.support.contains(point[-1])


@pytest.mark.parametrize(
    ("reference", "settings", "message"),
    [
        (f"{FILE}:StudentT", {"nu": 3.0}, "StudentT has the settings df, but 'nu' was passed"),
        (f"{FILE}:Student", {}, r"verified\.py declares no likelihood 'Student'"),
        (
            f"{FILE}:neglog",
            {},
            "must be a declaration, a class that derives from neglog",
        ),
        (
            "poison",
            {},
            r"neglog has no likelihood 'poison', did you mean poisson; choose one of",
        ),
        ("my_losses.py", {}, r"passed as file\.py:Name, but 'my_losses\.py' names no class"),
        (":StudentT", {}, "':StudentT' must name a file or a module, and a class in it"),
        (f"{FILE}:", {}, "must name a file or a module, and a class in it"),
        (f"{FILE}:Student", {}, r"'Student' \(its classes are StudentT, "),
        (f"{FILE}:StudentT", {"df": float("nan")}, "df must be a finite number, but it is nan"),
    ],
)
def test_bad_input_is_named(reference, settings, message):
    with pytest.raises(NeglogError, match=message):
        neglog.verify(reference, **settings)


def test_settings_without_a_likelihood_are_wrong():
    found = neglog.verify(f"{FILE}:StudentT", df=-1.0)
    assert not found.passed
    assert "is NaN at location = " in str(found.findings[0])


def test_without_a_finite_loss_nothing_else_is_checked():
    found = neglog.verify(f"{FILE}:Rooted", shape=-1.0)
    (finding,) = found.findings
    assert "correct `nll`, or choose valid settings" in str(finding)
    assert [result.heading for result in found.results] == ["Finite losses"]


@pytest.mark.parametrize(("name", "status"), [("StudentT", 0), ("Forgotten", 1)])
def test_the_command(name, status, capsys):
    with pytest.raises(SystemExit) as left:
        main(["verify", f"{FILE}:{name}", "--json"])
    out = capsys.readouterr().out
    assert (left.value.code, json.loads(out)["passed"]) == (status, status == 0)
    with pytest.raises(SystemExit) as left:
        main(["verify", f"{FILE}:StudentT", "df=four"])
    assert left.value.code == 2
    assert "a setting is written as name=number" in capsys.readouterr().err
    for wrong, words in (
        (["df=4", "df=5"], "each setting must be passed once, but df is twice"),
        (["--bogus"], "Unknown option"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["verify", f"{FILE}:StudentT", *wrong, "--json"])
        assert left.value.code == 2
        assert words in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "likelihood", [c for c in neglog.REGISTRY.values() if c.name != "several"], ids=lambda c: c.name
)
def test_nothing_is_wrong_with_the_built_in_declarations(likelihood):
    # Floors are deliberate: without them, the likelihood sums to 1.
    named = dict(zip(likelihood.settings, cases.settings(likelihood), strict=True))
    found = neglog.verify(likelihood, **{n: 1e-30 if n == "eps" else s for n, s in named.items()})
    wrong = [f for f in found.findings if f.level == "wrong"]
    if likelihood.name == "bernoulli_probability":
        wrong = [f for f in wrong if f.point["probability"] > 1e-11]
    assert not wrong, "\n".join(map(str, wrong))
