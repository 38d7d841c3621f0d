"""The kinds of errors in the options of a fit, its solver, and what it writes and reads again."""

from __future__ import annotations

from neglog.errors import FitError

_OWN = """from neglog import Elementwise, support


class Own(Elementwise):
    link = 'identity'
    inputs = ('mean', 'scale')
    domains = (support.real, support.positive)
    support = support.real

    def nll(mean, scale, y):
        return 0.5 * (y - mean) * (y - mean) / scale
"""
_TABLE = 'table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 5.0], "y": [1.2, 1.9, 3.2, 4.8]})\n'


class FitOptionError(
    FitError,
    code="NL701",
    cause="A misspelt choice, a number out of its range, or text in another form.",
    remedy="Pass one of the values that the message lists; docs/options.md lists all options.",
    example=_TABLE + 'neglog.fit(table, target="y", validation=1.5)',
):
    """An option of `fit` has an invalid value."""


class FitCombinationError(
    FitError,
    code="NL702",
    cause="An option belongs to another model, solver or likelihood, or requires another option.",
    remedy="Pass the option that is required too, or leave out one of the two.",
    example=_TABLE + 'neglog.fit(table, target="y", dropout=0.1)',
):
    """Two options of `fit` do not go together."""


class OptimizerError(
    FitError,
    code="NL703",
    cause="A misspelt optimizer or schedule of torch, or an option that it does not take.",
    remedy="Choose one of the names that the message lists.",
    example=_TABLE + 'neglog.fit(table, target="y", optimizer="adamax2")',
):
    """An optimizer or a schedule does not exist, or refuses its options."""


class ConfigFileError(
    FitError,
    code="NL704",
    cause="The file of options is missing, is not TOML, or names an option that does not exist.",
    remedy="Correct the line that the message names.",
    example="from neglog.fitting.options import config_file\n\n"
    'config_file.read(Path("fit.toml"), {})',
):
    """A file of options cannot be used."""


class ProcessGroupError(
    FitError,
    code="NL705",
    cause="The option `distributed` without processes that torchrun started.",
    remedy="Start the processes with `torchrun`, or call `torch.distributed.init_process_group`.",
    example='Path("t.csv").write_text("x,y\\n1,2\\n2,3\\n4,4\\n")\n'
    'neglog.fit("t.csv", target="y", distributed=True)',
):
    """There is no group of processes."""


class LikelihoodSettingError(
    FitError,
    code="NL706",
    cause="A constant that the likelihood does not have, or outside its domain.",
    remedy="Correct or leave out `settings`.",
    example=_TABLE + 'neglog.fit(table, target="y", likelihood="normal", settings={"df": 3.0})',
):
    """A constant of the likelihood cannot be fixed at this value."""


class NormalisationError(
    FitError,
    code="NL707",
    cause="A declared likelihood omits terms that depend on what is estimated.",
    remedy="Add the missing terms to `nll` or `constant`; `neglog verify` shows them.",
    example=f'Path("own.py").write_text("""{_OWN}""")\n'
    + _TABLE
    + 'neglog.fit(table, target="y", likelihood="own.py:Own")',
):
    """The probabilities of a declared likelihood do not sum to a constant."""


class DivergenceError(
    FitError,
    code="NL708",
    cause="A value of the table is far from the others, the learning rate is too large, or the "
    "likelihood is not finite where the fit starts.",
    remedy="Look for a wrong value, rescale the column, or pass a smaller `lr`.",
    example='table = pd.DataFrame({"x": [1e-310, 2e-310, 3e-310], "y": [1.2, 1.9, 3.2]})\n'
    'neglog.fit(table, target="y")',
):
    """A loss or its derivatives are not finite, so that no step can be made."""


class ModelSizeError(
    FitError,
    code="NL709",
    cause="Newton's method, a linear program or a network needs more memory than there is.",
    remedy='Pass `optimizer="lbfgs"`, another likelihood or smaller layers.',
    example=_TABLE + 'neglog.fit(table, target="y", hidden=(10**6, 10**6))',
):
    """A model is too large for its solver or for the memory."""


class OutputFolderError(
    FitError,
    code="NL721",
    cause="The folder is a file, may not be written, or holds other files.",
    remedy="Choose another folder, or pass `--overwrite`.",
    example="from neglog.fitting.results import atomic_files\n\n"
    'Path("runs").write_text("")\natomic_files.check(Path("runs"), (), False)',
):
    """The output cannot be written."""


class CheckpointError(
    FitError,
    code="NL722",
    cause="A training was interrupted, its checkpoint is damaged, or it belongs to another fit.",
    remedy="Resume with `--resume` and the same options, or remove the checkpoint.",
    example="from neglog.fitting.network.checkpoint import Checkpoint\n\n"
    'Path("c").write_bytes(b"0")\nCheckpoint(Path("c")).read({})',
):
    """A checkpoint cannot be used."""


class ModelFileError(
    FitError,
    code="NL723",
    cause="The run is missing, damaged or incomplete, or another version wrote it.",
    remedy="Pass the folder of a complete run, or fit it again.",
    example='neglog.predict("no-such-run", pd.DataFrame())',
):
    """A saved model cannot be read."""


class PredictionError(
    FitError,
    code="NL724",
    cause="A column is missing or holds other values than in the fitted table, or the prediction "
    "was asked for what the model does not have.",
    remedy="Pass a table with the same columns; `unseen` says what to do with new labels.",
    example=_TABLE + 'fit = neglog.fit(table, target="y")\n'
    'neglog.predict(fit, pd.DataFrame({"z": [1.0]}))',
):
    """A table does not fit the model."""
