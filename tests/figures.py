"""What is claimed of torch's cases, of the pitfalls and of `neglog.check`: `make figures`."""

from __future__ import annotations

import warnings

import conformance.report
import pitfalls
import setups


def main() -> None:
    warnings.simplefilter("ignore")  # torch warns of much that is provoked here on purpose
    for table in (conformance.report.table, pitfalls.table, setups.table):
        print(table(), end="\n\n")


if __name__ == "__main__":
    main()
