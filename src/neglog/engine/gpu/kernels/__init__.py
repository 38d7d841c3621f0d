"""The kernels that Triton compiles."""
