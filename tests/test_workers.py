"""How tests are divided among workers: see `conftest.py`."""

from __future__ import annotations

import pytest
from conftest import kernels_of


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/test_engine.py::test_a[torch.float64-Normal]", "normal"),
        ("tests/test_engine.py::test_b[poisson_rate-torch.float32-(0,)-none-True]", "poissonrate"),
        ("tests/test_conformance.py::test_what_torch_passes[mse_loss-value]", "mseloss"),
        ("tests/test_engine.py::test_c", "tests/test_engine.py"),
        ("tests/test_cli.py::test_d[normal]", "tests/test_cli.py"),
    ],
)
def test_tests_of_one_kernel_and_those_of_one_file_run_together(test, group) -> None:
    assert kernels_of(test) == group
