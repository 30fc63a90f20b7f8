# The one place that says which versions are built against (tried together: docs/decisions/0002-libtorch-from-the-wheel.md).
GRATICULE_TORCH_VERSION=2.11.0          # its CUDA is 13.0
GRATICULE_CUDA_TOOLKIT_VERSION=13.0.2   # nvcc 13.0.88; takes g++ 12 as host compiler and C++20
GRATICULE_CMAKE_VERSION=4.4.3           # Debian's 3.25 does not know C++20 for CUDA
GRATICULE_TRANSFORMERS_VERSION=5.17.0   # real clients, for the tests labelled "clients"
GRATICULE_COMPRESSED_TENSORS_VERSION=0.20.0
GRATICULE_GGUF_VERSION=0.19.0
