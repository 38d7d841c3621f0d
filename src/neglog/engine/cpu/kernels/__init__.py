"""The kernels that Numba compiles, and their parts; none of them takes a tensor."""
