# The one place that says which versions are built against (tried together: docs/decisions/0002-libtorch-from-the-wheel.md).
GRATICULE_TORCH_VERSION=2.11.0          # its CUDA is 13.0
GRATICULE_CUDA_TOOLKIT_VERSION=13.0.2   # nvcc 13.0.88; takes g++ 12 as host compiler and C++20
GRATICULE_CMAKE_VERSION=4.4.3           # Debian's 3.25 does not know C++20 for CUDA
GRATICULE_HIGHS_VERSION=1.15.1          # highsbox: HiGHS with its C header (Debian 12 has none)
GRATICULE_TRANSFORMERS_VERSION=5.17.0   # real clients, for the tests labelled "clients"
GRATICULE_COMPRESSED_TENSORS_VERSION=0.20.0
GRATICULE_NEWEST_TRANSFORMERS_VERSION=5.24.0 # the newest release beside the pinned one, in a folder of its own
GRATICULE_NEWEST_COMPRESSED_TENSORS_VERSION=0.20.1
GRATICULE_GGUF_VERSION=0.19.0           # llama.cpp's own reader of GGUF, for the same
GRATICULE_LLAMA_CPP_PYTHON_VERSION=0.3.36 # carries llama.cpp, for tests labelled "clients" and "slow"
