"""A run's choices as a TOML file: a run folder holds one, and `neglog fit --config` reads it."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from neglog._version import __version__
from neglog.errors.options import ConfigFileError
from neglog.fitting.option_table.table import TABLE, FitOptions, entries
from neglog.fitting.tables.factor_levels import spelled

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from neglog.fitting.options.fit_options import Options

_IN_MEMORY = 'The rows came from memory, not from a file: add table = "…" to repeat the run.'
_TABLES = {
    name: entry.facts.flags[-1].replace("_", "-") if entry.facts.flags else name
    for name, entry in entries(FitOptions).items()
    if get_origin(entry.kind) is Mapping
}
"""The options whose values are dictionaries, and the flag that sets an item."""


def text(options: Options, others: Mapping[str, Any]) -> str:
    """Return the file that repeats a fit.

    Args:
        options: what was asked for; the defaults that depend on the model are written out.
        others: what else the command takes: the table or the demo, the target, the folder.
    """
    values: dict[str, Any] = {name.replace("_", "-"): v for name, v in others.items()}
    for name, value in fixed_options(options).items():
        if name not in _TABLES:
            values[name.replace("_", "-")] = value
    lines = [f"# neglog {__version__}; neglog fit --config FILE repeats the run."]
    if not {"table", "demo"} & {name for name, value in others.items() if value is not None}:
        lines.append(f"# {_IN_MEMORY}")
    lines += [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None]
    for name, flag in _TABLES.items():
        if table := getattr(options, name):
            lines += ["", f"[{flag}]", *(f"{_key(k)} = {_option(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def fixed_options(options: Options) -> dict[str, Any]:
    """Return the options by name, the defaults that depend on the model written out."""
    values = asdict(options)
    values["optimizer"], values["validation"] = options.chosen, options.held_out
    values["epochs"], values["batch_size"] = options.limits
    return values | {name: dict(values[name] or {}) for name in _TABLES}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return _text(str(value))


def _option(value: Any) -> str:
    """Write an option of torch's; what TOML has no word for as Python writes it, in quotes."""
    known = (str, bool, int, float, list, tuple)
    return _toml(value if isinstance(value, known) else repr(value))


def _key(name: str) -> str:
    """Write a name that need not be a bare key of TOML."""
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def read(path: Path, flags: Collection[str]) -> dict[str, Any]:
    """Return the value of each option in a file.

    Args:
        path: the file.
        flags: the names that a file may have, with hyphens.

    Raises:
        FitError: the file cannot be read, is not TOML, or has an unknown name.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise ConfigFileError(f"{path} is not a TOML file ({error}); fix that line.") from None
    values = {name.replace("_", "-"): value for name, value in found.items()}
    for name in values:
        if name not in flags:
            close = difflib.get_close_matches(name, flags, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "see neglog fit --help for what is."
            raise ConfigFileError(f"{path} has {name!r}, which is not an option of fit; {hint}")
    return values


def arguments(values: Mapping[str, Any]) -> list[str]:
    """Write what a file says as the command line would say it."""
    words: list[str] = []
    for name, value in values.items():
        if isinstance(value, list) and name in TABLE and TABLE[name].facts.written:
            value = ",".join(map(str, value))
        if name == "table":
            words.append(str(value))
        elif isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, dict):
            words += [f"--{name}={key}={_plain(item)}" for key, item in value.items()]
        elif isinstance(value, list):
            words += [f"--{name}={item}" for item in value]
        else:
            words.append(f"--{name}={value}")
    return words


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return spelled(value)
    return value if isinstance(value, str) else repr(value)
