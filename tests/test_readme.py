"""The documents' Python runs, and says what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
# The block about `neglog.fit` needs a table; `test_fit.py` and `make demo` run that.
BLOCKS = [
    (path.name, block)
    for path in (ROOT / "README.md", ROOT / "docs" / "differences.md")
    for block in BLOCK.findall(path.read_text(encoding="utf-8"))
    if "table.csv" not in block
]


@pytest.mark.parametrize("name", ["README.md", "differences.md"])
def test_the_examples_run_one_after_the_other(name, capsys) -> None:
    names: dict = {}
    torch.manual_seed(0)
    for document, block in BLOCKS:
        if document == name:
            exec(block, names)
    if name == "README.md":
        assert "the loss cannot go below 1.461 nats" in " ".join(capsys.readouterr().out.split())
        x = names["x"].detach().clone().requires_grad_()
        names["criterion"](x, names["y"], mask=names["keep"]).backward()
        torch.testing.assert_close(names["x"].grad, x.grad)
