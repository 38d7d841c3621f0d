"""The backend of GPUs: Triton's kernels over the declared formulas.

`kernels` holds the kernels, `jit` compiles them with the formulas of a declaration, and
`elementwise` and `rows` run them on tensors. Nothing waits for the device, so everything can be
captured in a CUDA graph; an invalid value results in NaN, not in an error.
"""
