"""Errors of the losses in ulps, compared with torch's: `make exactness`."""

from __future__ import annotations

import exactness
from exactness import several

if __name__ == "__main__":
    print(exactness.table())
    print(several.table())
