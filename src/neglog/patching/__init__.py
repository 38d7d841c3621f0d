"""Models of transformers whose loss is that of their fused head."""

from neglog.patching.api import patch, unpatch

__all__ = ["patch", "unpatch"]
