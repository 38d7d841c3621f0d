"""The backend of GPUs: Triton's kernels over the declared formulas.

`kernels` holds the kernels and names what they leave open, `jit` fills them with a declaration's
formulas, `elementwise` and `rows` run them on tensors. Nothing here waits for the device, so that
all of it can be captured in a CUDA graph; an invalid value gives NaN and not an error.
"""
