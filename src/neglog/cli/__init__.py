"""The command line, a file for each command; none imports torch before it is needed."""

from __future__ import annotations

import os
import sys

try:
    from cyclopts import App, CycloptsError
except ModuleNotFoundError:
    sys.exit("neglog: the command line requires the extra `fit`: pip install 'neglog[fit]'.")

from neglog._version import __version__
from neglog.cli.bench import bench
from neglog.cli.evaluate import evaluate
from neglog.cli.explain import explain
from neglog.cli.fit import fit
from neglog.cli.output import (
    BROKEN_PIPE,
    CONVERGED,
    INTERRUPTED,
    USAGE_ERROR,
    prepare,
    print_note,
    write_json,
)
from neglog.cli.predict import predict
from neglog.cli.report import report
from neglog.cli.verify import verify
from neglog.errors import NeglogError

app = App(
    name="neglog",
    help="Fit models by maximum likelihood, use them, and explain and verify their losses.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
for command in (fit, predict, evaluate, report, explain, verify, bench):
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its status; only this function catches errors."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] != [bench.__name__]:  # it measures losses as a training script runs them
        _let_idle_threads_sleep()
    prepare()
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        code = _refused(arguments, " ".join(str(error).split()))
    except NeglogError as error:
        print_note(f"neglog: {error}")
        code = _refused(arguments, str(error))
    except OSError as error:
        # Buffered output cannot be written, so Python must not try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE if isinstance(error, BrokenPipeError) else USAGE_ERROR
        if code == USAGE_ERROR:
            where = f"{error.filename} cannot" if error.filename else "the output cannot"
            print_note(f"neglog: {where} be written ({error.strerror or error}).")
    except KeyboardInterrupt:
        print_note("neglog: stopped by Ctrl-C; nothing was written.")
        code = INTERRUPTED
    raise SystemExit(code or CONVERGED)


def _refused(arguments: list[str], message: str) -> int:
    """Return the status of a command that could not run; a reader of JSON gets the message too."""
    if "--json" in arguments:
        write_json({"error": message})
    return USAGE_ERROR


def _let_idle_threads_sleep() -> None:
    """Let OpenMP's threads spin for about 50 µs only, unless the user sets how long.

    Threads that spin for the next sum keep cores busy, and waking a sleeping thread takes longer
    than such a sum. torch reads the variable when it is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
