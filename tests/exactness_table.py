"""Errors of the losses in ulps, compared with torch's: `make exactness`."""

from __future__ import annotations

import exactness

if __name__ == "__main__":
    print(exactness.table())
