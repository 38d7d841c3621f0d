"""The command line, a file for each command; none imports torch before it is needed."""

from __future__ import annotations

import os
import sys

try:
    from cyclopts import App, CycloptsError
except ModuleNotFoundError:
    sys.exit("neglog: the command line wants the extra `fit`: pip install 'neglog[fit]'.")

from neglog import __version__
from neglog.cli.bench import bench
from neglog.cli.evaluate import evaluate
from neglog.cli.explain import explain
from neglog.cli.fit import fit
from neglog.cli.predict import predict
from neglog.cli.report import report
from neglog.cli.speak import BROKEN_PIPE, CONVERGED, INTERRUPTED, WRONG, prepare, say
from neglog.errors import NeglogError

app = App(
    name="neglog",
    help="A loss is the negative logarithm of a likelihood: fit one, use it, explain it.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
for command in (fit, predict, evaluate, report, explain, bench):
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code; this is the one place that catches errors."""
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads that wait awake for the next sum keep busy cores from those that still compute;
        # to wake one that sleeps takes longer than such a sum. So they wait awake for some 50 µs.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    prepare()
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        code = WRONG
    except NeglogError as error:
        say(f"neglog: {error}")
        code = WRONG
    except OSError as error:
        # What is still to be written cannot be, so Python must not try it again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE if isinstance(error, BrokenPipeError) else WRONG
        if code == WRONG:
            say(f"neglog: the output cannot be written ({error.strerror or error}).")
    except KeyboardInterrupt:
        say("neglog: stopped by Ctrl-C; nothing was written.")
        code = INTERRUPTED
    raise SystemExit(code or CONVERGED)
