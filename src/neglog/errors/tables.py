"""The kinds of errors in tables: files, columns and the target."""

from __future__ import annotations

from neglog.errors import FitError

_WRITE = 'Path("t.csv").write_text({})\nneglog.fit("t.csv", target="y")'
_FRAME = 'neglog.fit(pd.DataFrame({}), target="y")'


class FileReadError(
    FitError,
    code="NL801",
    cause="A misspelt name, an empty or damaged file, or a kind of file that is no table.",
    remedy="Check the name and the folder, or save the table as CSV or Parquet.",
    example='neglog.fit("no-such-file.csv", target="y")',
):
    """A file cannot be read as a table."""


class EncodingError(
    FitError,
    code="NL802",
    cause="The file is not UTF-8, and its encoding is not certain, or not the one that was passed.",
    remedy="Pass `encoding=`, or save the file as UTF-8.",
    example='Path("t.csv").write_bytes(b"x,y\\n1,2\\n\\x003,4\\n")\n'
    'neglog.fit("t.csv", target="y")',
):
    """The encoding of a text file is unknown or wrong."""


class TextLayoutError(
    FitError,
    code="NL803",
    cause="A line has more values than there are column names, a quote has no pair, or a line may "
    "be a comment.",
    remedy="Correct the line that the message names.",
    example=_WRITE.format(r'"x,y\n1,2\n3,4,5\n"'),
):
    """The lines of a text file are not a table."""


class StreamError(
    FitError,
    code="NL804",
    cause="The file's format, or the likelihood, requires all rows at once.",
    remedy="Leave out `stream` and `distributed`, or save the table as CSV or Parquet.",
    example='neglog.fit(pd.DataFrame({"x": [1.0], "y": [1.0]}), target="y", stream=True)',
):
    """A table cannot be read block by block."""


class MissingLibraryError(
    FitError,
    code="NL805",
    cause="An optional library that this format or option requires is not installed.",
    remedy="Install it with the command that the message states.",
    example="from unittest import mock\n\n"
    'with mock.patch.dict("sys.modules", formulaic=None):\n'
    '    neglog.fit(pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 3.0]}), formula="y ~ x")',
):
    """A library is not installed."""


class TableTypeError(
    FitError,
    code="NL806",
    cause="A dictionary, a sparse matrix, an array of other dimensions, or a target of another "
    "length.",
    remedy="Pass a data frame, or an array (rows, features) and a target for each row.",
    example="neglog.fit([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0, 3.0])",
):
    """An object in memory is not a table, or does not fit one."""


class RowsError(
    FitError,
    code="NL807",
    cause="The table is empty, or all of its rows have missing values or weights of 0.",
    remedy="Check the separator and the missing values; a fit needs two rows or more.",
    example=_WRITE.format(r'"x,y\n"'),
):
    """A table has too few rows."""


class ColumnNameError(
    FitError,
    code="NL811",
    cause="A misspelt column, two columns of one name, or a name that the model uses itself.",
    remedy="Choose one of the columns that the message lists, or rename one.",
    example=_FRAME.format('{"x": [1.0, 2.0], "z": [1.0, 2.0]}'),
):
    """A column is missing, ambiguous or not named."""


class ColumnTypeError(
    FitError,
    code="NL812",
    cause="Lists, bytes or other objects in a column, or infinite values.",
    remedy="Turn the column into numbers or labels, or leave it out.",
    example=_FRAME.format('{"x": [1.0, float("inf"), 2.0], "y": [1.0, 2.0, 3.0]}'),
):
    """A column holds neither finite numbers nor labels."""


class NumberTextError(
    FitError,
    code="NL813",
    cause="A column of numbers holds text, several units or contradictory decimal marks.",
    remedy="Correct the value that the message names, or pass `na` if it stands for a missing one.",
    example=_WRITE.format(r'"x,y\n1,2\n2,3\n3,4\nunknown,5\n4,6\n"'),
):
    """Text in a column of numbers cannot be read as a number."""


class DateError(
    FitError,
    code="NL814",
    cause="A column of dates is not a feature until it is said which parts of them are.",
    remedy='Pass `dates={"column": ["year", "month"]}`, or leave the column out.',
    example=_FRAME.format('{"x": ["2020-01-31", "2020-02-29"], "y": [1.0, 2.0]}'),
):
    """A column of dates cannot be used as it is."""


class LevelsError(
    FitError,
    code="NL815",
    cause="A column of text has almost as many levels as rows, or `levels` does not list its "
    "levels.",
    remedy="Leave the column out, or list each of its levels once.",
    example=_FRAME.format('{"x": ["a", "b", "a"], "y": [1.0, 2.0, 3.0]}').replace(
        "target", 'levels={"x": ["a"]}, target'
    ),
):
    """The levels of a column are too many, or listed wrongly."""


class MissingValueError(
    FitError,
    code="NL816",
    cause="A table has missing values, and nothing says what to do with them.",
    remedy='Pass `missing="drop"` or `"mean"`, or fill them first.',
    example=_FRAME.format('{"x": [1.0, None, 2.0], "y": [1.0, 2.0, 3.0]}'),
):
    """Values are missing."""


class FormulaTextError(
    FitError,
    code="NL817",
    cause="A formula without a target, with other functions than those of `fit`, or without an "
    "intercept.",
    remedy="Write it as `y ~ x1 + log(x2)`.",
    example='neglog.fit(pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]}), formula="y ~ x - 1")',
):
    """A formula of `fit` cannot be used."""


class RoleError(
    FitError,
    code="NL818",
    cause="Sample weights, an offset, clusters or numbers of trials are negative, text, or the "
    "target itself.",
    remedy="Correct the value that the message names, or name another column.",
    example='table = pd.DataFrame({"x": [1.0, 2.0, 4.0], "w": [1, -1, 2], "y": [1.0, 2.0, 3.0]})\n'
    'neglog.fit(table, target="y", sample_weight="w")',
):
    """A column of weights, offsets, clusters or trials is invalid."""


class ConstantFeaturesError(
    FitError,
    code="NL819",
    cause="Every column holds one value only in the training rows, or there is none.",
    remedy="Pass a column that varies.",
    example=_FRAME.format('{"x": [1.0, 1.0, 1.0], "y": [1.0, 2.0, 3.0]}'),
):
    """No feature is left to fit."""


class TargetError(
    FitError,
    code="NL821",
    cause="The likelihood requires counts, positive numbers or two classes, and the target holds "
    "others.",
    remedy="Pass another likelihood, or remove the rows whose target is wrong.",
    example=_FRAME.format('{"x": [1.0, 2.0, 4.0], "y": [1.0, -2.0, 3.0]}').replace(
        "target", 'likelihood="poisson", target'
    ),
):
    """The target does not suit the likelihood."""


class ConstantTargetError(
    FitError,
    code="NL822",
    cause="All rows, or all training rows, have the same target.",
    remedy="Pass another target, another seed or a smaller part of validation rows.",
    example=_FRAME.format('{"x": [1.0, 2.0, 4.0], "y": [1.0, 1.0, 1.0]}'),
):
    """The target does not vary."""


class TargetNameError(
    FitError,
    code="NL823",
    cause="No target was passed, it is passed twice, or it is no column's name.",
    remedy='Pass `target="column"`, or the values as `y`.',
    example='neglog.fit(pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]}))',
):
    """No target is given."""
