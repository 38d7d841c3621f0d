"""`neglog.fit` against scikit-learn's optimum, against separation, and on tables of all kinds."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import stats
from sklearn import datasets, linear_model

import neglog
from neglog.errors import FitError
from neglog.fitting.design.preparation import prepare
from neglog.fitting.linear import separation
from neglog.fitting.options.fit_options import Options
from neglog.fitting.results import to_dict
from neglog.fitting.results.predict import predict
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.linear_setup import objectives
from neglog.fitting.tables.in_memory import from_memory


def draw(seed=7):
    return np.random.default_rng(seed)


def noisy(count=200, features=3):
    random = draw(1)
    x = random.standard_normal((count, features))
    return x, x[:, 0] - 0.5 * x[:, 1] + random.logistic(size=count) > 0


def unpenalised(x, y):
    x = (x - x.mean(0)) / x.std(0)
    model = linear_model.LogisticRegression(
        C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=500
    ).fit(x, y)
    return -model.predict_log_proba(x)[np.arange(len(y)), y].mean()


@pytest.mark.parametrize(
    ("name", "features", "flipped"),
    [("breast_cancer", 5, 0.0), ("breast_cancer", 30, 0.1), ("wine", 3, 0.0), ("wine", 13, 0.1)],
)
def test_newton_reaches_the_unpenalised_optimum(name, features, flipped):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x, flips = x[:, :features], np.random.default_rng(0).random(len(y)) < flipped
    y = np.where(flips, (y + 1) % (y.max() + 1), y)
    result = neglog.fit(x, y, validation=0)
    assert result.converged
    assert result.gradient_norm < 1e-12
    assert result.loss == pytest.approx(unpenalised(x, y), rel=1e-8)
    assert result.loss < result.null_loss


def test_newton_on_diabetes_is_least_squares():
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    result = neglog.fit(x, y, validation=0)
    oracle = linear_model.LinearRegression().fit(x, y)
    np.testing.assert_allclose(result.weights[0], oracle.coef_, rtol=1e-8)
    np.testing.assert_allclose(result.intercepts, oracle.intercept_, rtol=1e-8)
    sigma = np.sqrt(np.mean((y - oracle.predict(x)) ** 2))
    assert result.sigma == pytest.approx(sigma, rel=1e-10)
    density = stats.norm(oracle.predict(x), sigma).logpdf(y)
    np.testing.assert_allclose(result.training.loss, -density, rtol=1e-8)
    assert result.null_loss == pytest.approx(-stats.norm(y.mean(), y.std()).logpdf(y).mean())


def test_a_target_of_two_fractions_is_two_classes(tmp_path):
    x, y = noisy()
    target = np.where(y, 2.5, 1.0)
    result = neglog.fit(x, target, out=tmp_path)
    assert result.classes == [1.0, 2.5]
    assert predict(tmp_path, x).loss is None


def test_softmax_weights_are_centred_and_reproduce_the_probabilities():
    x, y = datasets.load_wine(return_X_y=True)
    result = neglog.fit(x[:, :3], y, validation=0)
    np.testing.assert_allclose(result.weights.sum(0), 0, atol=1e-10)
    logits = x[:, :3] @ result.weights.T + result.intercepts
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(p, result.training.probabilities, rtol=1e-8)
    np.testing.assert_allclose(result.training.loss, -np.log(p[np.arange(len(y)), y]), rtol=1e-8)


@pytest.mark.parametrize("unit", [1e-200, 1e-6, 1e6, 1e200])
def test_units_and_offsets_do_not_matter(unit):
    x, y = noisy()
    plain = neglog.fit(x, y)
    moved = neglog.fit(x * unit + 1e5 * unit, y)
    assert moved.loss == pytest.approx(plain.loss, rel=1e-9)
    np.testing.assert_allclose(moved.weights * unit, plain.weights, rtol=1e-6)


@pytest.mark.parametrize("data", ["iris", "breast_cancer", "wine", "digits"])
@pytest.mark.slow
def test_separated_data_have_their_maximum_at_infinity(data):
    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    result = neglog.fit(x, y, validation=0)
    assert not result.converged
    assert "infinity" in result.outcome
    assert any("not the maximum" in note for note in result.notes)


def test_the_separating_column_is_named():
    x, y = datasets.load_iris(return_X_y=True, as_frame=True)
    result = neglog.fit(x, np.where(y == 0, "setosa", "other"), validation=0)
    assert "completely separated by 'petal" in result.outcome


def test_quasi_separation_is_found_by_the_linear_program():
    x, y = noisy()
    dummy = draw().random(200) < 0.2
    result = neglog.fit(np.c_[x, dummy], y | dummy, validation=0)
    assert not result.converged
    assert "separated in part by 'x4'" in result.outcome


def test_without_the_linear_program_vanishing_curvature_tells(monkeypatch):
    monkeypatch.setattr(separation, "_direction", lambda *_: None)
    x, y = noisy()
    dummy = draw().random(200) < 0.2
    result = neglog.fit(np.c_[x, dummy], y | dummy, validation=0)
    assert not result.converged
    assert "infinity" in result.outcome


@pytest.mark.parametrize("classes", [2, 3])
def test_a_linear_program_finds_no_direction_where_classes_overlap(classes):
    x, y = draw().standard_normal((200, 3)), np.arange(200) % classes
    data = prepare(*from_memory(x, y, None), Options())
    problem, _ = objectives(data, Options())
    assert (
        separation.separating_columns(problem, torch.arange(problem.size), data.design.names) == ""
    )


def test_the_numbers_of_a_table_are_read_where_they_lie():
    frame = pl.DataFrame({"a": np.arange(9.0), "b": np.arange(9.0) ** 2, "y": [0, 1, 0] * 3})
    table, name = from_memory(frame, "y", None)
    read = prepare(table, name, Options()).source.x
    places = [column.data_ptr() for column in read.columns]
    assert places == [frame[c].to_numpy().ctypes.data for c in ("a", "b")]
    np.testing.assert_array_equal(read[1:4], frame["a", "b"][1:4].to_numpy())


def test_first_order_optimizers_report_separation_too():
    x, y = datasets.load_iris(return_X_y=True)
    result = neglog.fit(x, y == 0, optimizer="lbfgs", epochs=5)
    assert "infinity" in result.outcome
    assert not result.converged


def test_a_target_reproduced_exactly_has_no_maximum():
    x, _ = noisy()
    result = neglog.fit(x, x @ [1.0, 2.0, 3.0] + 4)
    assert "scale is 0" in result.outcome
    assert not result.converged
    np.testing.assert_allclose(result.weights, [[1, 2, 3]], rtol=1e-10)


def test_aliased_columns_are_named():
    x, y = noisy()
    result = neglog.fit(np.c_[x, x[:, 0] + x[:, 1]], y, validation=0)
    assert result.converged
    assert any("x4 = x1 + x2" in note for note in result.notes)
    assert result.loss == pytest.approx(unpenalised(x, y.astype(int)), rel=1e-8)


@pytest.mark.parametrize("name", ["lbfgs", "Adam", "SGD"])
@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "normal"])
def test_optimizers_of_torch_reach_newtons_optimum(name, kind):
    x, y = noisy()
    if kind != "bernoulli":
        y = 10 * x[:, 0] + 8 * draw().standard_normal(200) + 100
    if kind == "categorical":
        y = np.digitize(y, [97, 105])
    options = {} if name == "lbfgs" else {"lr": 0.1}
    result = neglog.fit(x, y, optimizer=name, optimizer_options=options, epochs=400, validation=0)
    assert result.loss == pytest.approx(neglog.fit(x, y).loss, abs=1e-2)
    assert result.optimizer.lower().startswith(name.lower())
    if name == "lbfgs":
        assert result.converged
        assert result.loss == pytest.approx(neglog.fit(x, y).loss, rel=1e-8)


@pytest.mark.slow
def test_a_network_learns_what_a_linear_model_cannot():
    x = draw().uniform(-1, 1, (400, 2))
    y = x[:, 0] * x[:, 1] > 0
    linear = neglog.fit(x, y, validation=0.2)
    network = neglog.fit(x, y, hidden=(16, 8), seed=1)
    again = neglog.fit(x, y, hidden=(16, 8), seed=1)
    assert network.validation_loss < 0.5 * linear.validation_loss
    assert network.weights is None
    assert network.loss == again.loss
    assert network.optimizer.startswith("Adam(lr=0.01) (the default for networks)")
    steps = [epoch.step for epoch in network.history]
    assert steps == list(range(201))


def test_a_diverging_learning_rate_is_reported():
    x, _ = noisy()
    y = x[:, 0] + draw().standard_normal(200)
    with pytest.raises(FitError, match="smaller learning rate with --lr"):
        neglog.fit(x, y, optimizer="sgd", optimizer_options={"lr": 1e12})


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_ctrl_c_keeps_the_weights_reached(hidden):
    class Impatient(Listener):
        def step(self, epoch):
            if epoch.step == 2:
                raise KeyboardInterrupt

    x, y = noisy()
    result = neglog.fit(x, y, hidden=hidden, progress=Impatient())
    assert result.interrupted
    assert not result.converged
    assert "Ctrl-C after step 2" in result.outcome
    assert result.loss == pytest.approx(result.history[2].training, rel=1e-12)


LABELS = {
    "strings": (["no", "yes"], "bernoulli", ["no", "yes"]),
    "booleans": ([False, True], "bernoulli", [False, True]),
    "1 and 2": ([1, 2], "bernoulli", [1, 2]),
    "−1 and 1": ([-1.0, 1.0], "bernoulli", [-1, 1]),
    "1-based": ([1, 2, 3], "categorical", [1, 2, 3]),
    "whole floats": ([1.0, 2.0, 3.0], "categorical", [1, 2, 3]),
    "colours": (["red", "green", "blue"], "categorical", ["blue", "green", "red"]),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_of_every_kind(case):
    labels, likelihood, classes = LABELS[case]
    x, _ = noisy(count=120)
    y = np.array(labels)[draw().integers(0, len(labels), 120)]
    result = neglog.fit(x, y)
    assert result.likelihood.name == likelihood
    assert result.classes == classes
    assert set(result.training.truth) == set(classes)
    assert set(result.training.predicted) <= set(classes)
    true = [classes.index(label) for label in result.training.truth]
    chosen = result.training.probabilities[np.arange(len(true)), true]
    np.testing.assert_allclose(result.training.loss, -np.log(chosen), rtol=1e-12)


def test_the_likelihood_can_be_chosen():
    x, _ = noisy()
    counts = draw().integers(0, 5, 200)
    assert neglog.fit(x, counts).likelihood.name == "categorical"
    chosen = neglog.fit(x, counts, likelihood="normal")
    assert chosen.likelihood.name == "normal"
    assert chosen.reason == "it was asked for"
    assert neglog.fit(x, counts > 2, likelihood="categorical").weights.shape == (2, 3)


def test_the_validation_split_is_stratified():
    x, _ = noisy()
    y = np.repeat(["a", "b"], [40, 160])
    result = neglog.fit(x, y, validation=0.25)
    assert list(result.validation.truth).count("a") == 10
    assert len(result.validation.index) == 50
    both = np.concatenate([result.training.index, result.validation.index])
    assert sorted(both) == list(range(200))
    assert len(neglog.fit(x, y, validation=0).validation.index) == 0


def mixed(count=90):
    x, _ = noisy(count)
    colour = np.array(["red", "green", "blue"])[np.arange(count) % 3]
    y = x[:, 0] + (colour == "red") + draw().logistic(size=count) > 0
    frame = pl.DataFrame({"age": x[:, 0], "colour": colour, "member": x[:, 1] > 0})
    return frame.with_columns(pl.Series("bought", np.where(y, "yes", "no")))


def test_text_is_encoded_with_a_named_base():
    result = neglog.fit(mixed(), target="bought")
    assert result.features == ["age", "member", "colour=green", "colour=red"]
    assert any("colour=blue" in note for note in result.notes)


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "csv", "semicolons", "parquet"])
def test_tables_of_every_kind_give_the_same_fit(kind, tmp_path):
    frame = mixed()
    path = tmp_path / "table"
    table = {
        "polars": lambda: frame,
        "lazy": frame.lazy,
        "pandas": lambda: pd.DataFrame(frame.to_dict(as_series=False)),
        "csv": lambda: frame.write_csv(path) or path,
        "semicolons": lambda: frame.write_csv(path, separator=";") or str(path),
        "parquet": lambda: frame.write_parquet(path) or path,
    }[kind]()
    result = neglog.fit(table, target="bought")
    assert result.loss == pytest.approx(neglog.fit(frame, "bought").loss, rel=1e-12)
    assert result.classes == ["no", "yes"]


def test_torch_tensors_are_taken():
    x, y = noisy()
    tensors = neglog.fit(torch.from_numpy(x).float(), torch.from_numpy(y)[:, None])
    assert tensors.loss == pytest.approx(neglog.fit(x, y).loss, rel=1e-5)


@pytest.mark.parametrize("hidden", [(), (5, 4)])
@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "normal"])
def test_a_saved_model_predicts_the_same(kind, hidden, tmp_path):
    frame = mixed()
    target = {"bernoulli": "bought", "categorical": "colour", "normal": "age"}[kind]
    result = neglog.fit(
        frame, target=target, hidden=hidden, epochs=8, out=tmp_path / "run", missing="mean"
    )
    written = pl.read_csv(tmp_path / "run" / "predictions.csv")
    assert written.columns[:4] == ["row", "split", "truth", "predicted"]
    assert written["row"].to_list() == list(range(90))
    used = predict(tmp_path / "run", frame)
    np.testing.assert_allclose(used.frame["loss_nats"], written["loss_nats"], rtol=1e-12)
    share = len(result.validation.index) / 90
    mean = (1 - share) * result.loss + share * (result.validation_loss or 0.0)
    assert used.loss == pytest.approx(mean, rel=1e-12)
    blind = predict(tmp_path / "run", frame.drop(target))
    assert blind.loss is None
    assert "truth" not in blind.frame.columns
    assert blind.frame["predicted"].to_list() == used.frame["predicted"].to_list()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.toml", "history.csv", "model.safetensors", "predictions.csv", "report.html",
        "summary.txt", *(() if hidden else ("coefficients.csv",)),
    }  # fmt: skip


def gaps():
    frame = mixed()
    age = [None if row in (3, 7) else value for row, value in enumerate(frame["age"])]
    colour = [None if row == 5 else value for row, value in enumerate(frame["colour"])]
    return frame.with_columns(pl.Series("age", age), pl.Series("colour", colour))


def test_missing_values_are_refused_with_their_places():
    where = r"3 values are missing, in column 'age' \(2, first in row 3\), 'colour' \(1, first"
    with pytest.raises(FitError, match=where + r".*--missing drop"):
        neglog.fit(gaps(), target="bought")


def test_missing_values_of_every_library_are_recognised():
    frame = pd.DataFrame(
        {
            "count": pd.array([1, 2, None, 4], dtype="Int64"),
            "kind": pd.Categorical(["a", None, "b", "a"]),
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "text": pd.array(["k", "l", None, "l"], dtype="string"),
            "number": [1.5, float("nan"), 2.5, 3.5],
        }
    )
    with pytest.raises(FitError, match=r"^5 values are missing"):
        neglog.fit(frame, [0, 1, 0, 1])


def test_missing_values_are_dropped_or_filled(tmp_path):
    dropped = neglog.fit(gaps(), target="bought", missing="drop")
    assert any("3 rows with missing values are left out" in note for note in dropped.notes)
    table = pl.DataFrame({"x": [1.0, 2.5, 3.0, 5.0, None], "y": [0.1, 0.3, 0.2, 0.4, 0.1]})
    one = neglog.fit(table, target="y", missing="drop")
    assert "1 row with missing values is left out." in one.notes
    assert 3 not in dropped.training.index
    numbers = gaps().drop("colour")
    filled = neglog.fit(numbers, target="bought", missing="mean", out=tmp_path)
    assert len(filled.training.index) + len(filled.validation.index) == 90
    rows = predict(tmp_path, numbers)
    assert rows.frame.height == 90
    assert rows.frame.null_count().sum_horizontal().item() == 0


def test_rows_without_a_target_are_never_filled():
    frame = mixed().with_columns(
        bought=pl.when(pl.int_range(pl.len()) < 4).then(None).otherwise("bought")
    )
    result = neglog.fit(frame, target="bought", missing="mean")
    assert len(result.training.index) + len(result.validation.index) == 86


def test_idle_columns_are_left_out_by_name():
    x, y = noisy()
    result = neglog.fit(np.c_[x, np.ones(200), x[:, 1]], y)
    assert result.features == ["x1", "x2", "x3", "x4", "x5"]
    assert any("x4 = 1, x5 = x2" in note for note in result.notes)
    assert np.isnan(result.coefficients.estimate[4:]).all()


X, Y = noisy(40)
REFUSED = {
    "one class": (lambda: neglog.fit(X, np.zeros(40)), r"is 0 in all 40 rows"),
    "infinite": (lambda: neglog.fit(np.where(X[5, 1] == X, math.inf, X), Y), r"'x2' holds 1 inf"),
    "infinite target": (lambda: neglog.fit(X, np.where(Y, math.inf, X[:, 0])), "infinite values"),
    "lengths": (lambda: neglog.fit(X, Y[:-1]), "X has 40 rows, but y has 39"),
    "no target": (lambda: neglog.fit(X), "no target given"),
    "one dimension": (lambda: neglog.fit(X[:, 0], Y), r"reshape\(-1, 1\)"),
    "no features": (lambda: neglog.fit(pl.DataFrame({"y": Y}), "y"), "no column but the target"),
    "all constant": (lambda: neglog.fit(np.ones((40, 2)), Y), "every column is constant"),
    "no rows": (lambda: neglog.fit(X[:0], Y[:0]), "no rows"),
    "name taken": (lambda: neglog.fit(pl.DataFrame({"y": X[:, 0]}), Y), "already has a column 'y'"),
    "no table": (lambda: neglog.fit({"a": X}, Y), "X is a dictionary; pass a data frame"),
    "three for two": (
        lambda: neglog.fit(X, np.arange(40) % 3, likelihood="bernoulli"), "pass categorical",
    ),
    "identifiers": (
        lambda: neglog.fit(X, [f"id{k}" for k in range(40)]), "are not classes: as many.*another",
    ),
    "numbers as classes": (
        lambda: neglog.fit(X, X[:, 0], likelihood="categorical"), "not classes; pass normal",
    ),
    "text as numbers": (
        lambda: neglog.fit(X, np.where(Y, "a", "b"), likelihood="normal"), "holds text",
    ),
    "likelihood": (lambda: neglog.fit(X, Y, likelihood="student"), "no likelihood 'student'"),
    "optimizer": (lambda: neglog.fit(X, Y, optimizer="newtn"), "torch.optim has no 'newtn'"),
    "option": (
        lambda: neglog.fit(X, Y, optimizer="sgd", optimizer_options={"momentun": 1}),
        "SGD takes no option 'momentun'; it takes lr, momentum",
    ),
    "value": (
        lambda: neglog.fit(X, Y, optimizer="sgd", optimizer_options={"lr": -1}), "SGD refuses",
    ),
    "newton's option": (lambda: neglog.fit(X, Y, optimizer_options={"lr": 1}), "option. is for"),
    "newton's batch": (lambda: neglog.fit(X, Y, batch_size=3), "batch_size is for"),
    "newton's network": (lambda: neglog.fit(X, Y, hidden=(2,), optimizer="newton"), "linear"),
    "share": (lambda: neglog.fit(X, Y, validation=1.0), r"\[0, 1\)"),
    "policy": (lambda: neglog.fit(X, Y, missing="median"), "drop or mean"),
    "widths": (lambda: neglog.fit(X, Y, hidden=(0,)), "1 or more"),
    "epochs": (lambda: neglog.fit(X, Y, epochs=0), "epochs must be 1 or more"),
    "too wide": (
        lambda: neglog.fit(draw().standard_normal((30, 5001)), Y[:30], optimizer="newton"),
        "--optimizer lbfgs",
    ),
    "seed": (lambda: neglog.fit(X, Y, seed=-1), "seed must lie in"),
    "constant in training": (
        lambda: neglog.fit(X[:5], [0.0, 0, 0, 0, 1.5], likelihood="normal", validation=0.2, seed=1),
        "0 in every training row",
    ),
    "same name": (
        lambda: neglog.fit(pl.DataFrame({"a": ["b", "c"], "a=c": [1, 2]}), [0, 1]), "both be",
    ),
    "dates": (
        lambda: neglog.fit(pl.DataFrame({"d": [1, 2]}).cast(pl.Date), [0, 1]), "of type Date",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_gets_a_sentence(case):
    call, words = REFUSED[case]
    with pytest.raises(FitError, match=words) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(f". [{caught.value.code}]")
    assert "\n" not in message


def test_a_column_without_a_name_gets_one(tmp_path) -> None:
    """As pandas writes its index."""
    path = tmp_path / "table.csv"
    rows = "\n".join(f"{j},{j % 3},{2 * j + j % 2}" for j in range(30))
    path.write_text(",a,y\n" + rows + "\n")
    result = neglog.fit(path, target="y", likelihood="normal")
    assert result.features == ["column 1", "a"]


@pytest.mark.parametrize(
    "facts", ["{bad", "[]", None, {"target": {"kind": "student"}}, {"options": {"hidden": [5]}}]
)
def test_a_damaged_model_gets_a_sentence(tmp_path, facts) -> None:
    import json

    from safetensors import safe_open
    from safetensors.torch import save_file

    neglog.fit(np.arange(30.0)[:, None] % 7, np.arange(30) % 2, out=tmp_path)
    path = tmp_path / "model.safetensors"
    with safe_open(path, "pt") as file:
        written = json.loads(file.metadata()["neglog"])
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    if facts is None:
        tensors["1.weight"] = torch.zeros(3, 3, dtype=torch.float64)
    text = facts if isinstance(facts, str) else json.dumps(written | (facts or {}))
    save_file(tensors, path, {"neglog": text})
    with pytest.raises(FitError, match=r"is damaged|was not written by this version"):
        neglog.predict(tmp_path, np.zeros((2, 1)))


def test_where_newton_would_take_too_long_lbfgs_takes_over(monkeypatch):
    x, y = datasets.load_iris(return_X_y=True)
    x, y = np.tile(x, (2, 1)), np.concatenate([y, (y + 1) % 3])  # so that no class is separated
    newton = neglog.fit(x, y)
    monkeypatch.setattr("neglog.fitting.solvers.solve.MAX_WEIGHTS", 9)
    other = neglog.fit(x, y)
    assert "lbfgs is used instead" in " ".join(other.notes)
    assert other.optimizer.startswith("LBFGS")
    assert other.converged
    assert other.loss == pytest.approx(newton.loss, abs=1e-10)
    assert other.coefficients is None


KINDS_OF_FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.mark.parametrize("make", KINDS_OF_FRAMES.values(), ids=KINDS_OF_FRAMES)
def test_predictions_are_a_frame_of_the_kind_that_was_given(make, tmp_path):
    columns = {"a": np.array([0.5, 1.0, np.nan, 2.0, 0.1]), "y": np.array(list("uvuvu"))}
    result = neglog.fit(make(columns), target="y", missing="drop", firth=True, out=tmp_path)
    if make is pd.DataFrame:
        columns = pd.DataFrame(columns, index=list("KLMNO"))
    for model in (result, tmp_path):
        found = neglog.predict(model, make(columns))
        assert type(found.frame) is type(make(columns))
        assert list(found.frame["row"].to_numpy()) == [0, 1, 3, 4]
        assert list(found.frame["predicted"].to_numpy()) == list(result.training.predicted)
        assert found.loss == pytest.approx(neglog.evaluate(model, make(columns)).loss_nats)
        if make is pd.DataFrame:
            assert found.frame.index.tolist() == ["K", "L", "N", "O"]
    with pytest.raises(FitError, match="the table lacks 'a'"):
        result.predict(make({"b": np.array([1.0])}))


def test_arrays_are_evaluated_with_a_separate_target():
    x, y = np.arange(20.0)[:, None] ** 0.5, np.arange(20) % 3
    result = neglog.fit(x, y, likelihood="poisson")
    assert result.evaluate(x, y).loss_nats == pytest.approx(result.loss, rel=1e-12)
    assert neglog.evaluate(result, x, list(y)).rows == 20


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_penalised_fits_print_no_figures_of_the_greatest_likelihood(penalty, tmp_path):
    x, y = np.random.default_rng(0).standard_normal((50, 2)), np.arange(50) % 4
    result = neglog.fit(x, y, likelihood="poisson", out=tmp_path, **{penalty: 0.1})
    page, text = (tmp_path / "report.html").read_text(), str(result.summary())
    for name in ("AIC", "BIC", "likelihood ratio", "LR test p-value"):
        assert name not in text
        assert f"<td>{name}" not in page
    assert to_dict.of_fit(result)["statistics"]["aic"] is None
    assert "the minimised objective, with the penalty" in page
