"""The GPU table: each line is compared with float64, then timed with all installed libraries.

    python benchmarks/gpu.py [--only TEXT] [--seconds S] [--no-compile] [--out FILE] [--json FILE]

The same as `neglog bench --device cuda`. It wants an NVIDIA GPU of some 80 GB for all lines; on a
smaller one the lines that do not fit say so. Liger (`pip install liger-kernel`) and
cut-cross-entropy (`pip install cut-cross-entropy`) take part where they are installed.
"""

import sys

from neglog.cli import main

main(["bench", "--device", "cuda", *sys.argv[1:]])
