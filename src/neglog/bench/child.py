"""Call a function in a fresh process, without effects of earlier lines."""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from neglog.errors import BenchError

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_MAIN = "from neglog.bench.child import run_request; run_request()"


def python(program: str, text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Run a program in a fresh Python and return what it prints.

    It does not belong to the terminal's group: Ctrl-C reaches only this process, which ends the
    other.

    Raises:
        BenchError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise BenchError(f"a fresh process failed: {last[0]}")
    return done.stdout


def call(
    environment: Mapping[str, str],
    function: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **keywords: Arguments.kwargs,
) -> Result:
    """Call a module's function in a fresh process."""
    request = base64.b64encode(pickle.dumps((function, arguments, keywords))).decode()
    output = python(_MAIN, request, environment)
    result: Result = pickle.loads(base64.b64decode(output.splitlines()[-1]))
    return result


def run_request() -> None:
    """Read a function and its arguments, and print what it returns: the fresh process's part."""
    function, arguments, keywords = pickle.loads(base64.b64decode(sys.stdin.read()))
    result: Any = function(*arguments, **keywords)
    print(base64.b64encode(pickle.dumps(result)).decode())
