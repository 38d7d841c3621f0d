"""The commands `neglog fit`, `predict`, `evaluate` and `report`, as a user meets them."""

import csv
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import safetensors.torch
from polars.testing import assert_frame_equal

from neglog.__main__ import main as start
from neglog.cli import main
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.options import config_file
from neglog.fitting.options.fit_options import Options
from neglog.fitting.streaming import block_file as file
from neglog.report.console import ConsoleListener


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def drawn():
    """Asked for by tests of the page itself, figures and all."""


@pytest.fixture(autouse=True)
def bare_pages(request, monkeypatch):
    """Draw no figures for the other tests: that takes four fifths of a run's time."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("neglog.report.page.html_page", repr)


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


RUN = [
    "coefficients.csv", "config.toml", "history.csv", "model.safetensors", "predictions.csv",
    "report.html", "summary.txt",
]  # fmt: skip
NETWORK = ("--hidden", "4", "--epochs", 6, "--batch-size", 16)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def numbers(text, column):
    return [float(row[column]) for row in csv.DictReader(text.splitlines())]


def test_a_fit_names_its_four_steps_and_ends_with_weights_and_losses(run):
    code, out, err = run("fit", write(), "--target", "bought", "--validation", 0.2)
    assert code == 0
    assert err == ""
    for words in (
        "data         table.csv: 65 rows for training, 15 for validation",
        "bought is bernoulli: 'bought' holds two values, no (0) and yes (1)",
        "1 model      linear, 3 features → 1 logit",
        "2 loss       bernoulli: binary cross-entropy",
        "3 optimizer  newton (the default for linear models)",
        "4 minimise   the derivative is zero after",
        "colour=green",
        "(intercept)",
        "mean loss, held-out rows",
        "mean loss, null model",
        "note         base levels, of weight 0: colour=blue",
        "Per-row loss of the validation rows, highest first (information loss)",
    ):
        assert words in out, words
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("name", "width"),
    [("iris", 80), ("wine", 80), ("breast_cancer", 40), ("digits", 80), ("diabetes", 80)],
)
@pytest.mark.slow
def test_every_demo_fits_into_the_terminal_and_says_by_its_code_how_it_ended(
    run, name, width, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run("fit", "--demo", name)
    assert code == (name != "diabetes")
    assert ("at infinity" in err) == (name != "diabetes")
    assert ("not the maximum" in " ".join(out.split())) == (name != "diabetes")
    assert max(map(len, out.splitlines())) <= width
    assert len(out.splitlines()) < 180


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_gets_fewer_columns(run, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run("fit", write(), "--target", "bought")
    assert code == 0
    assert "std error" in out
    assert ("[0.025" in out) == (width > 60)
    assert max(map(len, out.splitlines())) <= width


def test_the_help_does_not_wait_for_torch():
    script = (
        "import sys\nfrom neglog.cli import main\ntry: main(['fit', '--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'torch', 'polars', 'scipy', 'sklearn', 'numpy', 'sympy', 'matplotlib'}\n"
        "sys.exit(str(slow & set(sys.modules)) if slow & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--schedule-option" in done.stdout


def test_a_network_and_an_optimizer_with_options(run):
    code, out, _ = run(
        "fit", write(), "--target", "bought", "--hidden", "4,3", "--optimizer", "sgd",
        "--lr", 0.2, "--option", "momentum=0.9", "--option", "nesterov=True", "--epochs", 3,
        "--batch-size", 16, "--drop", "colour", "--activation", "gelu", "--dropout", 0.1,
        "--schedule", "onecyclelr", "--schedule-option", "max_lr=0.3", "--patience", 2,
    )  # fmt: skip
    assert code == 0
    assert "65 rows for training, 15 for validation" in out
    assert "network, 1 feature → 4 → 3 (GELU, dropout 0.1) → 1 logit" in out
    assert "SGD(lr=0.2, momentum=0.9, nesterov=True) with OneCycleLR(" in out
    assert "max_lr=0.3), 3 epochs in batches of 16 rows" in " ".join(out.split())
    assert "epochs" in out


def test_what_a_fit_writes_predict_evaluate_and_report_use(run, drawn):
    code, out, _ = run("fit", write(), "--target", "bought", "--out", "runs/one")
    assert code == 0
    assert names("runs/one") == RUN
    assert sorted(line for line in out.splitlines() if line.startswith("wrote")) == [
        f"wrote {Path('runs/one') / name}" for name in RUN
    ]
    fitted = Path("runs/one/predictions.csv").read_text()
    assert fitted.startswith("row,split,truth,predicted,p[no],p[yes],loss_nats\n")
    estimates = numbers(Path("runs/one/coefficients.csv").read_text(), "estimate")
    assert len(estimates) == 4
    assert numbers(Path("runs/one/history.csv").read_text(), "training_nats")[-1] < 0.6
    assert "standard errors" in Path("runs/one/summary.txt").read_text()

    code, out, err = run("predict", "runs/one", "table.csv")
    assert code == 0
    for column in ("p[yes]", "loss_nats"):
        np.testing.assert_array_equal(numbers(out, column), numbers(fitted, column))
    assert "mean loss 0." in err
    assert run("predict", "runs/one", "table.csv", "--out", "p.csv")[:2] == (0, "")
    assert Path("p.csv").read_text() == out
    assert run("predict", "runs/one", "table.csv", "--out", "p.parquet")[0] == 0
    assert pl.read_parquet("p.parquet").write_csv() == out

    before = contents("runs/one")
    Path("runs/one/report.html").unlink()
    assert run("report", "runs/one")[0] == 0
    assert contents("runs/one") == before


@pytest.mark.parametrize("more", [(), NETWORK])
def test_the_config_of_a_run_repeats_it(run, more):
    option = ("--option", "betas=(0.8, 0.9)") if more else ("--level", 0.9)
    run("fit", write(), "--target", "bought", "--out", "one", "--drop", "colour", *more, *option)
    before = contents("one")
    code, _, _ = run("fit", "--config", "one/config.toml")
    assert code == 0
    for name in set(names("one")) - {"report.html", "model.safetensors"}:  # "(the default …)"
        assert contents("one")[name] == before[name], name
    run("fit", "--config", "one/config.toml", "--seed", 3, "--out", "two")
    assert "seed = 3" in Path("two/config.toml").read_text()
    assert names("two") == names("one")


def test_a_config_writes_out_what_is_the_default_of_a_network():
    text = config_file.text(Options(hidden=(4,)), {"table": "t.csv"})
    for line in ('optimizer = "adam"', "epochs = 200", "batch-size = 256", "validation = 0.2"):
        assert line in text.splitlines()


def test_a_config_may_be_written_by_hand_and_the_command_line_comes_first(run):
    write()
    Path("run.toml").write_text(
        'table = "table.csv"\ntarget = "bought"\nhidden = [3, 2]\nbatch_size = 8\nepochs = 9\n'
        'drop = ["colour"]\nquiet = true\nlr = 1e-2\n[option]\nweight_decay = 0.5\n'
    )
    code, out, _ = run("fit", "--config", "run.toml", "--epochs", 2, "--no-quiet")
    assert code == 0
    assert "→ 3 → 2 (ReLU)" in out
    assert "Adam(lr=0.01, weight_decay=0.5)" in out
    assert "2 epochs in batches of 8 rows" in out
    iris = ("--demo", "iris", "--target", "species", "--drop", "petal width (cm)")
    assert "scikit-learn's iris" in run("fit", "--config", "run.toml", *iris, "--no-quiet")[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("tabel = 1", "'tabel', which is not an option of fit; did you mean 'table'?"),
        ("epochs = 'many'", 'Invalid value for --epochs: "many" is not a whole number'),
        ("a = ", "is not a TOML file"),
        ("missing = 'never'", "Choose from"),
    ],
)
def test_a_config_that_cannot_be_used(run, content, words):
    Path("run.toml").write_text(content)
    code, out, err = run("fit", "--config", "run.toml")
    assert (code, out) == (2, "")
    assert "neglog: run.toml" in err
    assert words in err
    assert "cannot be read" in run("fit", "--config", "nothing.toml")[2]


def test_the_standard_output_holds_only_json(run):
    write()
    for more in ((), NETWORK):
        code, out, err = run(
            "fit", "table.csv", "--target", "bought", "--json", "--out", "o", *more
        )
        found = json.loads(out)
        assert code == 0
        assert found["files"] == [str(Path("o") / name) for name in (
            "config.toml", "model.safetensors", "coefficients.csv", "history.csv",
            "predictions.csv", "summary.txt", "report.html") if name in names("o")]  # fmt: skip
        assert found["mean_loss_nats"] < found["null_loss_nats"]
        assert "note: base levels" in err
        assert (found["coefficients"] is None) == bool(more)
    assert len(json.loads(run("predict", "o", "table.csv", "--json")[1])["rows"]) == 80
    found = json.loads(run("evaluate", "o", "table.csv", "--json", "--worst", 2)[1])
    assert len(found["worst"]) == 2
    assert found["loss_bits"] == pytest.approx(found["loss_nats"] / np.log(2), rel=1e-15)


def test_json_has_null_for_non_finite_numbers(run):
    write(bought=pl.col("age") > 40)  # separated: no standard errors
    code, out, err = run("fit", "table.csv", "--target", "bought", "--json")
    assert code == 1
    assert "at infinity" in err
    assert json.loads(out)["coefficients"][1]["std_error"] is None
    assert "NaN" not in out


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_evaluate_says_what_the_predictions_come_to(run, likelihood):
    write(age=pl.col("age").round(0))
    target = "bought" if likelihood == "bernoulli" else "age"
    run("fit", "table.csv", "--target", target, "--likelihood", likelihood, "--out", "o")
    code, out, _ = run("evaluate", "o", "table.csv", "--worst", 3)
    assert code == 0
    figures = json.loads(run("evaluate", "o", "table.csv", "--json")[1])
    rows = pl.read_csv("o/predictions.csv")
    assert figures["loss_nats"] == pytest.approx(rows["loss_nats"].mean(), rel=1e-14)
    if likelihood == "bernoulli":
        right = (rows["truth"] == rows["predicted"]).mean()
        share = rows["truth"].value_counts(normalize=True)["proportion"]
        assert figures["accuracy"] == right
        assert figures["null_nats"] == pytest.approx(share.entropy(), rel=1e-14)
        assert f"{100 * right:.1f} %" in out
    else:
        errors = rows["truth"] - rows["predicted"]
        r2 = 1 - (errors**2).mean() / rows["truth"].var(ddof=0)
        assert figures["r2"] == pytest.approx(r2, rel=1e-12)
        assert figures["null_nats"] > figures["loss_nats"]
    pl.read_csv("table.csv").drop(target).write_csv("other.csv")
    assert "tells no row's" in run("evaluate", "o", "other.csv")[2]


def test_a_second_fit_replaces_the_first_and_nothing_else(run):
    run("fit", write(), "--target", "bought", "--out", "one")
    Path("one/mine.txt").write_text("kept")
    run("fit", "table.csv", "--target", "age", "--out", "one", *NETWORK, "--predictions", "parquet")
    assert Path("one/mine.txt").read_text() == "kept"
    assert names("one") == sorted(
        {*RUN, "mine.txt", "predictions.parquet"} - {"predictions.csv", "coefficients.csv"}
    )
    Path("two").mkdir()
    Path("two/thesis.tex").write_text("long")
    code, _, err = run("fit", "table.csv", "--target", "age", "--out", "two")
    assert code == 2
    assert "two holds 'thesis.tex', which is not part of a run" in err
    assert names("two") == ["thesis.tex"]
    assert run("fit", "table.csv", "--target", "age", "--out", "two", "--overwrite")[0] == 0
    assert names("two") == [*RUN, "thesis.tex"]


class Killed(BaseException):
    """What no handler expects."""


INTERVALS = (*NETWORK, "--dropout", 0.2, "--bootstrap", 3, "--level", 0.5, "--out", "o")


@pytest.mark.parametrize("moment", [1, 4, 12, "before the files"])
def test_a_killed_fit_resumes_to_the_same_bits(run, moment, monkeypatch, tmp_path):
    monkeypatch.setattr("neglog.fitting.run_folder._SECONDS", 0.0)
    for place in ("whole", "cut"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        write()
        if place == "cut":
            break
        assert run("fit", "table.csv", "--target", "bought", *INTERVALS)[0] == 0
    writes = []

    def fatal(self, *state):
        writes.append(real(self, *state))
        if len(writes) == moment:
            raise Killed

    def fatal_files(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        real = Checkpoint.write
        patch.setattr(Checkpoint, "write", fatal)
        if moment == "before the files":
            patch.setattr("neglog.fitting.results.atomic_files.write_files", fatal_files)
        with pytest.raises(Killed):
            main([str(word) for word in ("fit", "table.csv", "--target", "bought", *INTERVALS)])
    assert "checkpoint.safetensors" in names("o")
    code, _, err = run("fit", "table.csv", "--target", "bought", *INTERVALS)
    assert code == 2
    assert "of a training that did not end; go on from it with --resume" in err
    assert run("fit", "table.csv", "--target", "bought", *INTERVALS, "--resume")[0] == 0
    assert contents("o") == contents(tmp_path / "whole/o")


def test_a_checkpoint_is_for_the_same_fit_and_gone_with_overwrite(run, monkeypatch):
    def impatient(self, epoch):
        if epoch.step == 3:
            raise KeyboardInterrupt

    fit = ("fit", write(), "--target", "bought", *NETWORK, "--out", "o")
    with monkeypatch.context() as patch:
        patch.setattr(ConsoleListener, "step", impatient)
        assert run(*fit)[0] == 130
    assert names("o") == sorted({*RUN, "checkpoint.safetensors"} - {"coefficients.csv"})
    code, _, err = run(*fit, "--resume", "--lr", 0.5)
    assert code == 2
    assert "belongs to another fit: optimizer" in err
    assert run(*fit, "--overwrite")[0] == 0
    assert "checkpoint.safetensors" not in names("o")
    assert "resume is for optimizers of torch.optim" in run(*fit[:4], "--resume", "--out", "o")[2]
    assert run(*fit, "--resume")[0] == 0  # there is none left: it begins


@pytest.mark.parametrize("target", ["bought", "age"])
def test_an_ensemble_gives_intervals_that_the_model_keeps(run, drawn, target):
    more = ("--ensemble", 4, "--level", 0.6, "--activation", "tanh", "--dropout", 0.1)
    code, out, _ = run("fit", write(), "--target", target, *NETWORK, *more, "--out", "o")
    assert code == 0
    assert "ensemble     4 more networks, of other seeds, for intervals of level 0.6" in out
    fitted = Path("o/predictions.csv").read_text()
    _, used, _ = run("predict", "o", "table.csv")
    pairs = [("low", "high")] if target == "age" else [
        ("low[no]", "high[no]"), ("low[yes]", "high[yes]")]  # fmt: skip
    for low, high in pairs:
        for end in (low, high):  # other rows are multiplied together, which rounds otherwise
            np.testing.assert_allclose(numbers(used, end), numbers(fitted, end), rtol=1e-12)
        assert (np.array(numbers(used, low)) < numbers(used, high)).all()
    before = contents("o")
    assert run("report", "o")[0] == 0
    assert contents("o") == before


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
        "'age' holds numbers, but 1 value is text, the first '?' in row 0",
    ),
    "too many levels": (
        {"age": pl.Series([f"a{k}" for k in range(80)])}, "leave it out with --drop 'age'",
    ),
    "one class": ({"bought": pl.lit("yes")}, "the target 'bought' is 'yes' in all 80 rows"),
}  # fmt: skip


def test_a_model_of_another_version_or_format_is_refused(run):
    run("fit", write(), "--target", "bought", "--out", "o")
    path, whole = Path("o/model.safetensors"), Path("o/model.safetensors").read_bytes()
    with safetensors.safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        metadata = file.metadata()
    tensors["1.weight"][0, 0] = float("nan")
    wrong = {
        "damaged: its parts do not fit": safetensors.torch.save(tensors, metadata),
        "but by 0.1.0 in format 9, not 6": whole.replace(b'format\\": 6', b'format\\": 9'),
        "cannot be read as a model": whole[:-8],
    }
    for words, content in wrong.items():
        assert content != whole
        path.write_bytes(content)
        for command in (("predict", "o", "table.csv"), ("report", "o")):
            code, out, err = run(*command)
            assert (code, out) == (2, "")
            assert words in err
    path.write_bytes(whole)
    Path("o/history.csv").unlink()
    assert "o is not a complete run" in run("report", "o")[2]


def closed(arguments, stdout):
    """Run the command in a process of its own, its output going nowhere."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "neglog", *arguments]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )


@pytest.mark.slow
def test_an_output_that_nobody_reads_ends_the_command_quietly(run):
    write()
    reader, writer = os.pipe()
    os.close(reader)
    done = closed(["fit", "table.csv", "--target", "bought", "--out", "o"], writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_folder_that_may_not_be_written_is_refused_before_the_fit(run, monkeypatch):
    monkeypatch.setattr("neglog.fitting.results.atomic_files.os.access", lambda *_: False)
    code, out, err = run("fit", write(), "--target", "bought", "--out", "o")
    assert (code, out) == (2, "")
    assert "may not be written; choose another folder for --out" in err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_gets_a_sentence(run):
    Path(write()).chmod(0)
    assert "cannot be read: Permission denied" in run("fit", "table.csv", "--target", "age")[2]


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_gets_one_sentence_and_leaves_nothing(run, case):
    columns, words = TABLES[case]
    code, _, err = run("fit", write(**columns), "--target", "bought", "--out", "o")
    assert code == 2
    assert err.startswith("neglog: ")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("o").exists()


DAYS = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 3, 9), eager=True)
DATES = pl.DataFrame({"a": range(len(DAYS)), "b": DAYS}).write_csv().encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b\n1,2\n", "1 rows have no value missing; a fit needs 2 or more"),
        (b"a\n1\n2\n3\n", "no column but the target"),
        (b"a,b,b\n1,2,3\n2,3,4\n", "has 'b' more than once among its column names"),
        (b"a,b\n1,2,3\n4,5\n", "has 3 values in line 2, but 2 column names"),
        (b"a,b\n1,2\n3\n4,5\n", "1 value is missing, in column 'b' (1, first in row 1)"),
        (
            "a,b\n1,\u00e4\n2,\u00f6\n".encode("latin1"),
            "(byte 0xe4 in line 2), and its encoding is not certain: a value may be 'ä' in",
        ),
        ("a,b\n1,2\n".encode("utf-16-le"), "holds NUL bytes, the first at byte 1: it is UTF-16"),
        (b"a,b\n1,\0\n2,3\n", "holds NUL bytes, the first at byte 6"),
        (b"\x89PNG\r\n\x1a\n\0\0", "cannot be read, being a PNG image; save the table as"),
        (b"PK\x03\x04\xff\xfe\x80\n\xff\xff", "cannot be read, being a damaged zip archive"),
        (b"PAR1nonsense", "cannot be read as a table"),
        (
            DATES,
            "column 'b' holds dates or times, such as '2020-01-01'; turn it into numbers with",
        ),
        (b"b,a\n1,x\n2,y\n3,z\n", "3 different values in 3 rows, which are not classes"),
        (b"b,a\n1,2\n2,inf\n3,4\n", "the target 'a' holds 1 infinite values"),
        (b"a,b\n1,inf\n2,3\n3,-inf\n", "'b' holds 2 infinite values"),
    ],
)
def test_a_file_without_a_table_is_refused(run, content, words):
    Path("table.csv").write_bytes(content)
    code, out, err = run("fit", "table.csv", "--target", "a", "--out", "o", "--quiet")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not Path("o").exists()


LINES = "a;b;c\n1;2,5;x\n2;3;y\n3;,5;x\n5;-1e3;z\n"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (LINES.encode(), "'2,5' as 2.5 (points between thousands, a decimal comma)"),
        (LINES.encode("utf-16"), "is read as UTF-16."),
        (LINES.replace("\n", "\r").encode(), "a decimal comma"),
        (LINES.replace("\n", "\r\n").encode("utf-8-sig"), "a decimal comma"),
    ],
)
def test_a_table_from_another_country_is_read_with_a_note(run, content, note):
    Path("table.csv").write_bytes(content)
    code, out, err = run("fit", "table.csv", "--target", "a", "--drop", "c", "--json", "--out", "o",
                         "--likelihood", "normal")  # fmt: skip
    found = json.loads(out)
    assert code == 0
    assert note in err
    assert found["features"] == ["b"]
    slope, _ = np.polyfit([2.5, 3, 0.5, -1e3], [1, 2, 3, 5], 1)
    assert found["coefficients"][1]["estimate"] == pytest.approx(slope, rel=1e-9)
    code, out, _ = run("predict", "o", "table.csv")
    assert (code, numbers(out, "truth")) == (0, [1, 2, 3, 5])


@pytest.mark.parametrize("size", [1e-200, 1e200])
@pytest.mark.parametrize("more", [(), NETWORK])
def test_targets_of_any_size_are_fitted(run, drawn, size, more):
    write(bought=pl.col("age") * size + size)
    code, out, err = run("fit", "table.csv", "--target", "bought", "--json", "--drop", "colour",
                         "--out", "o", *more)  # fmt: skip
    assert code == (not more), err  # without noise, the errors' scale is 0
    if not more:
        estimates = [row["estimate"] for row in json.loads(out)["coefficients"]]
        np.testing.assert_allclose(estimates, [size, size], rtol=1e-9)
    assert json.loads(run("evaluate", "o", "table.csv", "--json")[1])["rows"] == 80
    assert run("fit", "table.csv", "--target", "bought", "--drop", "colour", *more)[0] == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv", "--target", "y"], "there is no file nowhere.csv"),
        ([".", "--target", "y"], "cannot be read"),
        (["table.csv", "--target", "bougt"], "has no column 'bougt'; did you mean 'bought'?"),
        (["table.csv", "--target", "bought", "--drop", "x"], "no column 'x'; it has age, colour"),
        (["table.csv"], "fit requires --target"),
        ([], "fit requires either a table or --demo"),
        (["table.csv", "--demo", "iris"], "fit requires either a table or --demo"),
    ],
)
def test_a_bad_request_gets_a_sentence(run, arguments, words):
    write()
    code, _, err = run("fit", *arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--hidden a", "--hidden must be widths"),
        ("--hidden 1000000000", "5e+09 weights"),
        ("--hidden 0", "must have widths of 1 or more"),
        ("--hidden 4 --activation sharp", "torch.nn has no activation 'sharp'"),
        ("--hidden 4 --optimizer newton", "newton is for linear models"),
        ("--hidden 4 --ensemble 4", "intervals of level 0.95 require 39 networks or more"),
        ("--hidden 4 --ensemble 40 --bootstrap 40", "leave out ensemble or bootstrap"),
        ("--hidden 4 --patience 2 --validation 0", "patience requires held-out rows"),
        ("--hidden 4 --min-delta 0.1", "min_delta requires patience; pass patience too"),
        (
            "--hidden 4 --schedule-option a=1",
            "(--schedule-option) requires schedule",
        ),
        ("--hidden 4 --schedule x", "torch.optim.lr_scheduler has no 'x'"),
        ("--hidden 4 --schedule step --schedule-option x", "--schedule-option must be NAME=VALUE"),
        ("--hidden 4 --covariance hc0", "covariance is for linear models that newton solves"),
        ("--hidden 4 --cluster x", "cluster is for linear models that newton solves"),
        ("--hidden 4 --l2 0.1", "--option weight_decay=…"),
        ("--hidden 4 --resume", "resume requires out or checkpoint"),
        ("--dropout 0.1", "dropout is for networks, but the model is linear"),
        ("--activation gelu", "activation is for networks"),
        ("--bootstrap 40", "bootstrap is for networks"),
        ("--patience 3", "patience is for optimizers of torch.optim, but newton solves"),
        ("--schedule step", "schedule is for optimizers of torch.optim, but newton solves"),
        ("--checkpoint c", "checkpoint is for optimizers of torch.optim, but newton solves"),
        ("--quantile 0.9", "quantile is for the quantile likelihood"),
        ("--delta 2", "delta is for the huber likelihood"),
        ("--weight-kind precision", "weight_kind requires sample_weight or trials"),
        ("--covariance cluster", "go together"),
        ("--optimizer x", "no 'x'; choose newton or"),
        ("--option x", "--option must be NAME=VALUE"),
        ("--out table.csv", "table.csv is a file"),
        ("--out table.csv/o", "table.csv is a file"),
        ("--validation 2", "must lie in [0, 1)"),
        ("--missing x", "--missing"),
        ("--likelihood poison", "fit has no likelihood 'poison'"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_options_that_make_no_sense_are_refused_and_nothing_is_written(run, options, words):
    write()
    out = () if "--out" in options or "--resume" in options else ("--out", "o")
    code, _, err = run("fit", "table.csv", "--target", "bought", *options.split(), *out)
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert names(".") == ["table.csv"]


def test_a_training_that_diverges_leaves_nothing(run):
    more = ("--optimizer", "sgd", "--lr", 1e300, *NETWORK)
    code, _, err = run("fit", write(), "--target", "age", "--out", "runs/o", *more)
    assert code == 2
    assert "the steps are too long" in err
    assert names(".") == ["table.csv"]


def test_a_note_names_aliased_columns(run):
    table = write(one=pl.lit(1), again=pl.col("age"))
    code, out, _ = run("fit", table, "--target", "bought")
    assert code == 0
    assert "left out, being combinations of the columns before them: " in out
    assert "one = 1" in out


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


def test_predict_requires_a_model_and_its_columns(run):
    run("fit", write(), "--target", "bought", "--out", "o")
    pl.read_csv("table.csv").drop("age").write_csv("other.csv")
    assert "lacks 'age'" in run("predict", "o", "other.csv")[2]
    assert "there is no model at nowhere" in run("predict", "nowhere", "table.csv")[2]
    Path("o/model.safetensors").write_bytes(b"nonsense")
    assert "cannot be read as a model" in run("predict", "o", "table.csv")[2]
    Path("o/model.safetensors").unlink()
    assert "neglog fit --out" in run("predict", "o", "table.csv")[2]


def test_rows_that_were_dropped_in_the_fit_are_dropped_in_predict(run):
    table = write(age=nulls(AGES, 4))
    run("fit", table, "--target", "bought", "--missing", "drop", "--out", "o")
    code, out, err = run("predict", "o", table)
    assert code == 0
    assert len(out.splitlines()) == 80
    assert "1 row" in err


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predictions_block_by_block_are_those_of_the_whole_table(run, kind, monkeypatch):
    for name, size in (("_MIN_BYTES", 16), ("_MAX_BYTES", 16), ("_BYTES", 300)):
        monkeypatch.setattr(file, name, size)
    old = pl.Series([age > 40 for age in AGES])
    table = write(age=nulls(AGES, 4), old=old)
    run("fit", table, "--target", "bought", "--missing", "drop", "--out", "o")
    if kind == "parquet":
        pl.read_csv(table).write_parquet(table := "table.parquet")
    assert len(file.open_file(table).blocks) > 3
    whole, streamed = run("predict", "o", table), run("predict", "o", table, "--stream")
    assert (streamed[0], streamed[2]) == (0, whole[2])
    one, other = (pl.read_csv(io.StringIO(text)) for text in (whole[1], streamed[1]))
    assert_frame_equal(one, other, rel_tol=1e-12)  # products of other shapes round differently
    assert "note: 1 row with missing values is left out" in streamed[2]
    assert run("predict", "o", table, "--stream", "--out", "p.csv") == (0, "", whole[2])
    assert Path("p.csv").read_text() == streamed[1]


def test_predictions_block_by_block_are_csv_and_a_file_of_them_is_whole_or_not_there(
    run, monkeypatch
):
    monkeypatch.setattr(file, "_BYTES", 300)
    run("fit", write(), "--target", "bought", "--out", "o")
    for more in (("--json",), ("--out", "p.parquet")):
        code, out, err = run("predict", "o", "table.csv", "--stream", *more)
        assert code == 2
        assert "--stream writes CSV" in err
        assert "--stream writes CSV" in json.loads(out)["error"] if more == ("--json",) else not out
    last = pl.int_range(pl.len()) == 79
    write("other.csv", colour=pl.when(last).then(pl.lit("pink")).otherwise("colour"))
    code, out, err = run("predict", "o", "other.csv", "--stream", "--out", "p.csv")
    assert (code, out) == (2, "")
    assert "'pink' in row 79 (from 0)" in err
    assert not Path("p.csv").exists()
    before = run("predict", "o", "other.csv", "--stream")[1].splitlines()
    assert 40 < len(before) < 80  # what was printed before the fault


def test_labels_of_text_are_known_again_where_they_look_like_numbers(run):
    labels = np.array(["1", "2", "x"])[np.arange(80) % 3]
    table = write(bought=pl.Series(labels))
    run("fit", table, "--target", "bought", "--as-labels", "bought", "--out", "o")
    table = write(bought=pl.Series(np.arange(80) % 2 + 1))
    assert run("predict", "o", table)[0] == 0


def test_a_full_disk_leaves_nothing_behind(run, monkeypatch):
    table = write()

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    code, out, err = run("fit", table, "--target", "bought", "--out", "runs/one")
    assert code == 2
    assert "mean loss, null model" in out
    assert "runs/one cannot be written (No space left on device)" in err
    assert not Path("runs").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.slow
def test_a_full_output_gets_a_sentence(run):
    run("fit", write(), "--target", "bought", "--out", "o")
    with Path("/dev/full").open("w") as full:
        done = closed(["predict", "o", "table.csv"], full)
    assert done.returncode == 2
    assert "neglog: the output cannot be written (No space left on device)." in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_and_writes_what_was_fitted(run, monkeypatch):
    def impatient(self, epoch):
        if epoch.step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleListener, "step", impatient)
    code, out, err = run("fit", write(), "--target", "bought", *NETWORK, "--out", "o")
    assert code == 130
    assert "Ctrl-C after step 2; the weights of that step are kept" in out
    assert "Ctrl-C after step 2" in err
    assert run("predict", "o", "table.csv")[0] == 0


def test_ctrl_c_before_the_minimisation_writes_nothing(run, monkeypatch):
    def impatient(self, step, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleListener, "message", impatient)
    code, _, err = run("fit", write(), "--target", "bought", "--out", "o")
    assert code == 130
    assert "nothing was written" in err
    assert not Path("o").exists()


def test_ctrl_c_while_modules_are_imported_is_quiet(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "neglog.cli")
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=interrupted)])
    with pytest.raises(SystemExit) as left:
        start()
    assert left.value.code == 130
    assert capsys.readouterr().err == "neglog: stopped by Ctrl-C; nothing was written.\n"


def test_a_terminal_gets_a_live_bar(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    code, out, err = run(
        "fit", write(), "--target", "bought", "--hidden", "4", "--epochs", 3, "--worst", 1
    )
    assert code == 0
    assert "3/3" in err
    assert "training 0." in err
    assert "\x1b[1m" in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in run("fit", "table.csv", "--target", "bought")[1]


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in ("fit", "predict", "evaluate", "report", "explain", "bench"))],
)
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


def test_without_the_extra_the_command_line_names_the_missing_package() -> None:
    program = "import sys; sys.modules['cyclopts'] = None; import neglog.cli"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "neglog: the command line requires the extra `fit`: pip install 'neglog[fit]'.\n"
    )
