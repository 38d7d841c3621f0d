"""The one switch that takes neglog's deliberate differences from torch back."""

from __future__ import annotations

from typing import Any

_torch_compatible = False


class torch_compatible:
    """Behave as torch does where neglog would raise: broadcast, accept, say nothing.

    A call switches the whole process, every thread of it; as a context manager it switches back at
    the end. The differences that it takes back are listed in `docs/differences.md`.

    Args:
        on: False switches neglog's own behaviour on again.

    >>> import torch, neglog
    >>> with neglog.torch_compatible():
    ...     neglog.CrossEntropyLoss()(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
    tensor(0.)
    """

    def __init__(self, on: bool = True) -> None:
        global _torch_compatible
        self._on, self._before, self._is_new = on, _torch_compatible, True
        _torch_compatible = on

    def __enter__(self) -> None:
        """Keep what the constructor has switched, or switch again."""
        global _torch_compatible
        if not self._is_new:
            self._before = _torch_compatible
        self._is_new = False
        _torch_compatible = self._on

    def __exit__(self, *failure: Any) -> None:
        """Switch back to what was."""
        global _torch_compatible
        _torch_compatible = self._before


def is_torch_compatible() -> bool:
    """Tell whether torch's behaviour has been asked for."""
    return _torch_compatible
