"""The same worker under Ray Train, on as many machines as a Ray cluster has.

    pip install "ray[train]"
    python examples/fit_with_ray.py

Ray starts the processes and their torch.distributed group; `neglog.fit` with ``distributed=True``
finds the group and uses it. The file must be where every worker can read it, such as on a shared
disk.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fit_with_torchrun import make, work


def worker(config: dict[str, Any]) -> None:
    """Fit both models in one of the processes; the first one says what was found."""
    from ray import train

    said = work(Path(config["table"]), shared=True)
    if train.get_context().get_world_rank() == 0:
        Path(config["said"]).write_text(said)


def main() -> None:
    """Let two workers fit what one process fits, and compare."""
    try:
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ModuleNotFoundError:
        raise SystemExit('this example needs Ray: pip install "ray[train]"') from None

    with tempfile.TemporaryDirectory() as folder:
        table, said = Path(folder, "sales.parquet"), Path(folder, "said")
        make(table)
        TorchTrainer(
            worker,
            train_loop_config={"table": str(table), "said": str(said)},
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": 0.5}),
            run_config=RunConfig(storage_path=folder),
        ).fit()
        alone = work(table, shared=False)
        assert said.read_text() == alone, f"two workers: {said.read_text()}\none: {alone}"
        print(f"two workers found {alone}, and the same is found by one process")


if __name__ == "__main__":
    main()
