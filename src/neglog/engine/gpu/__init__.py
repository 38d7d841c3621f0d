"""The two engine shapes on a GPU: Triton's loops over the declared formulas.

`slots` names what the loops leave open, `loops` and `loops_of_rows` are the loops, `kernels` fills
them with a declaration's formulas, `elementwise` and `rows` run them on tensors, `autograd` has
torch differentiate them. Nothing here waits for the device, so that all of it can be captured in a
CUDA graph; a value outside its set shows as NaN and not as an error.
"""
