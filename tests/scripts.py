"""The scripts and extensions of the site, as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs"


def loaded(name: str) -> ModuleType:
    """Import a script of the site by its path in the docs."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module
