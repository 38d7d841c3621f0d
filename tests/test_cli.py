"""The commands `neglog fit` and `neglog predict`, as a user meets them."""

import csv
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from neglog.cli import main
from neglog.fitting.show import Narrator

_MAIN = "from neglog.cli import main; main()"


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def write(name="table.csv", count=80, **columns):
    random = np.random.default_rng(3)
    age = random.normal(40, 10, count).round(1)
    colour = np.array(["red", "green", "blue"])[np.arange(count) % 3]
    bought = np.where(age + random.normal(0, 10, count) > 40, "yes", "no")
    frame = pl.DataFrame({"age": age, "colour": colour, "bought": bought})
    frame.with_columns(**columns).write_csv(name)
    return name


def test_a_fit_names_its_four_steps_and_ends_with_weights_and_losses(run):
    code, out, err = run("fit", write(), "--target", "bought")
    assert code == 0
    assert err == ""
    for words in (
        "bought is bernoulli: 'bought' holds two values, no (0) and yes (1)",
        "1 model      linear, 3 features → 1 logit",
        "2 loss       bernoulli: binary cross-entropy",
        "3 optimizer  newton (the default for linear models)",
        "4 minimise   the derivative is zero, after",
        "log-odds of yes = intercept + Σ weight · feature",
        "colour=green",
        "(intercept)",
        "norm of the gradient at the solution",
        "validation loss",
        "loss of the null model",
        "base levels, of weight 0: colour=blue",
        "Information loss of the validation rows, the worst first",
    ):
        assert words in out, words
    assert "\x1b" not in out


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_every_demo_runs(run, name):
    code, out, err = run("fit", "--demo", name, "--quiet")
    assert code == 0
    assert ("infinity" in out) == (name != "diabetes")
    assert ("note: the weights are those reached so far" in err) == (name != "diabetes")


def test_a_network_and_an_optimizer_with_options(run):
    code, out, _ = run(
        "fit", write(), "--target", "bought", "--hidden", "4,3", "--optimizer", "sgd",
        "--lr", 0.2, "--option", "momentum=0.9", "--option", "nesterov=True", "--epochs", 3,
        "--batch-size", 16, "--drop", "colour",
    )  # fmt: skip
    assert code == 0
    assert "network, 1 features → 4 → 3 (ReLU) → 1 logit" in out
    assert "SGD(lr=0.2, momentum=0.9, nesterov=True), 3 epochs in batches of 16 rows" in out
    assert "all 3 epochs were run" in out


def test_what_a_fit_writes_predict_uses(run):
    code, out, _ = run("fit", write(), "--target", "bought", "--out", "runs/one")
    assert code == 0
    assert sorted(path.name for path in Path("runs/one").iterdir()) == [
        "model.safetensors", "predictions.csv", "report.html",
    ]  # fmt: skip
    assert [line for line in out.splitlines() if line.startswith("wrote")] == [
        f"wrote {Path('runs/one') / name}"
        for name in ("model.safetensors", "predictions.csv", "report.html")
    ]
    fitted = list(csv.DictReader(Path("runs/one/predictions.csv").read_text().splitlines()))
    assert list(fitted[0]) == [
        "row", "split", "truth", "predicted", "p[no]", "p[yes]", "loss_nats",
    ]  # fmt: skip

    code, out, err = run("predict", "runs/one", "table.csv")
    assert code == 0
    used = list(csv.DictReader(out.splitlines()))
    for column in ("p[yes]", "loss_nats"):
        numbers = [float(row[column]) for row in used]
        np.testing.assert_allclose(numbers, [float(row[column]) for row in fitted], rtol=1e-12)
    assert "mean loss 0." in err

    assert run("predict", "runs/one", "table.csv", "--out", "p.csv")[:2] == (0, "")
    assert Path("p.csv").read_text() == out


def test_a_second_fit_replaces_the_first(run):
    run("fit", write(), "--target", "bought", "--out", "one")
    Path("one/mine.txt").write_text("kept")
    run("fit", "table.csv", "--target", "age", "--out", "one")
    assert Path("one/mine.txt").read_text() == "kept"
    assert "p[yes]" not in Path("one/predictions.csv").read_text()


def nulls(values, *rows):
    return pl.Series([None if k in rows else value for k, value in enumerate(values)])


AGES = [float(k) for k in range(80)]
TABLES = {
    "missing": ({"age": nulls(AGES, 3, 9)}, "2 values are missing, in column 'age' (2, first in"),
    "infinite": (
        {"age": pl.Series([*AGES[:-1], np.inf])},
        "'age' holds 1 infinite values, the first in row 79",
    ),
    "mixed": (
        {"age": pl.Series(["?"] + ["1.5"] * 79)},
        "'age' holds numbers, but 1 values are text, the first '?' in row 0",
    ),
    "too many levels": (
        {"age": pl.Series([f"a{k}" for k in range(80)])}, "leave it out with --drop 'age'",
    ),
    "one class": ({"bought": pl.lit("yes")}, "the target 'bought' is 'yes' in every row"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_gets_one_sentence_and_leaves_nothing(run, case):
    columns, words = TABLES[case]
    code, _, err = run("fit", write(**columns), "--target", "bought", "--out", "o")
    assert code == 2
    assert err.startswith("neglog: ")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("o").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b\n1,2,3\n4,5\n", "is no table that can be read"),
        (b"PK\x03\x04\xff\xfe\x80\n\xff\xff", "save it as CSV"),
        (b"PAR1nonsense", "is no table that can be read"),
    ],
)
def test_a_file_that_is_no_table(run, content, words):
    Path("table.csv").write_bytes(content)
    code, _, err = run("fit", "table.csv", "--target", "a")
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv", "--target", "y"], "there is no file nowhere.csv"),
        ([".", "--target", "y"], "cannot be read"),
        (["table.csv", "--target", "bougt"], "has no column 'bougt'; did you mean 'bought'?"),
        (["table.csv", "--target", "bought", "--drop", "x"], "no column 'x'; it has age, colour"),
        (["table.csv"], "fit wants --target"),
        ([], "one of the two"),
        (["table.csv", "--demo", "iris"], "one of the two"),
        (["table.csv", "--target", "bought", "--hidden", "a"], "--hidden wants widths"),
        (["table.csv", "--target", "bought", "--optimizer", "x"], "no 'x'; choose newton or"),
        (["table.csv", "--target", "bought", "--option", "x"], "--option wants NAME=VALUE"),
        (["table.csv", "--target", "bought", "--out", "table.csv"], "table.csv is a file"),
        (["table.csv", "--target", "bought", "--validation", "2"], "must lie in [0, 1)"),
        (["table.csv", "--target", "bought", "--missing", "x"], "--missing"),
        (["table.csv", "--target", "bought", "--nonsense"], "--nonsense"),
    ],
)
def test_a_bad_request_gets_a_sentence(run, arguments, words):
    write()
    code, _, err = run("fit", *arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_warnings_name_constant_and_duplicate_columns(run):
    table = write(one=pl.lit(1), again=pl.col("age"))
    code, out, _ = run("fit", table, "--target", "bought")
    assert code == 0
    assert "left out, constant in the training rows: one." in out
    assert "left out, duplicate columns: again (copy of age)." in out


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"bought": pl.lit("maybe")}, "'maybe' (80); it knows no, yes"),
        ({"colour": pl.lit("pink")}, "'colour' holds the level 'pink' in row 0 (from 0)"),
        ({"age": pl.lit("old")}, "'age' must hold numbers"),
        ({"age": nulls(AGES, 4)}, "1 value is missing, in column 'age' (1, first in row 4)"),
    ],
)
def test_a_table_that_does_not_fit_the_model(run, columns, words):
    run("fit", write(), "--target", "bought", "--out", "o")
    code, out, err = run("predict", "o", write("other.csv", **columns))
    assert (code, out) == (2, "")
    assert words in err


def test_predict_wants_its_columns_and_a_model(run):
    run("fit", write(), "--target", "bought", "--out", "o")
    pl.read_csv("table.csv").drop("age").write_csv("other.csv")
    assert "lacks 'age'" in run("predict", "o", "other.csv")[2]
    assert "there is no model at nowhere" in run("predict", "nowhere", "table.csv")[2]
    Path("o/model.safetensors").write_bytes(b"nonsense")
    assert "is no model that can be read" in run("predict", "o", "table.csv")[2]
    Path("o/model.safetensors").unlink()
    assert "neglog fit --out" in run("predict", "o", "table.csv")[2]


def test_rows_that_were_dropped_in_the_fit_are_dropped_in_predict(run):
    table = write(age=nulls(AGES, 4))
    run("fit", table, "--target", "bought", "--missing", "drop", "--out", "o")
    code, out, err = run("predict", "o", table)
    assert code == 0
    assert len(out.splitlines()) == 80
    assert "1 row" in err


def test_labels_of_text_are_known_again_where_they_look_like_numbers(run):
    labels = np.array(["1", "2", "x"])[np.arange(80) % 3]
    run("fit", write(bought=pl.Series(labels)), "--target", "bought", "--out", "o")
    table = write(bought=pl.Series(np.arange(80) % 2 + 1))
    assert run("predict", "o", table)[0] == 0


def test_a_full_disk_leaves_nothing_behind(run, monkeypatch):
    table = write()

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    code, out, err = run("fit", table, "--target", "bought", "--out", "runs/one")
    assert code == 2
    assert "loss of the null model" in out
    assert "runs/one cannot be written (No space left on device)" in err
    assert not Path("runs").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_output_gets_a_sentence(run):
    run("fit", write(), "--target", "bought", "--out", "o")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", _MAIN, "predict", "o", "table.csv"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    assert done.returncode == 2
    assert "neglog: the output cannot be written (No space left on device)." in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_and_writes_what_was_fitted(run, monkeypatch):
    def impatient(self, epoch):
        if epoch.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Narrator, "step", impatient)
    code, out, _ = run("fit", write(), "--target", "bought", "--out", "o")
    assert code == 130
    assert "Ctrl-C after step 2; the weights of that step are kept" in out
    assert "(not the maximum)" in out
    assert run("predict", "o", "table.csv")[0] == 0


def test_ctrl_c_before_the_minimisation_writes_nothing(run, monkeypatch):
    def impatient(self, step, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(Narrator, "say", impatient)
    code, _, err = run("fit", write(), "--target", "bought", "--out", "o")
    assert code == 130
    assert "nothing was written" in err
    assert not Path("o").exists()


def test_a_terminal_gets_a_live_bar(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    code, out, _ = run(
        "fit", write(), "--target", "bought", "--hidden", "4", "--epochs", 3, "--worst", 1
    )
    assert code == 0
    assert "3/3" in out
    assert "training 0." in out


@pytest.mark.parametrize("command", [[], ["fit"], ["predict"], ["explain"]])
def test_every_command_has_help(run, command):
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert "Usage: neglog" in out


def test_explain_hands_its_numbers_on(run):
    code, out, _ = run("explain", "bernoulli", "--z=-1,2", "--y", "0,1")
    assert code == 0
    assert out
    code, _, err = run("explain", "nonsense")
    assert code == 2
    assert err.startswith("neglog: ")
