"""The engine on a CPU: kernels that Numba compiles, their launch, threads and memory."""
