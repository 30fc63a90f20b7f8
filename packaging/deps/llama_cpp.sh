#!/usr/bin/env bash
# Builds llama-perplexity and llama-quantize of the llama.cpp that the source package llama-cpp-python carries, for the tests
# labelled "clients" and "slow". Called by install.sh --llama-cpp: about twenty minutes of one core, once.
#
#   packaging/deps/llama_cpp.sh VENV VERSION JOBS      # programs land in VENV/llama.cpp/bin
set -euo pipefail
deps=$(cd "$1" && pwd)
version=$2 jobs=$3
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
"$deps/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-python --dest "$source" "llama-cpp-python==$version"
tar -xzf "$source"/llama_cpp_python-*.tar.gz -C "$source"
tree=$(echo "$source"/llama_cpp_python-*/vendor/llama.cpp)
# Its own sum of products of 8-bit blocks, not llamafile's; no network, no server.
"$deps/bin/cmake" -S "$tree" -B "$source/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF \
    -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_ALL_WARNINGS=OFF -DGGML_ALL_WARNINGS=OFF -DGGML_LLAMAFILE=OFF \
    -DGGML_CCACHE=OFF > /dev/null
"$deps/bin/cmake" --build "$source/build" --parallel "$jobs" --target llama-perplexity llama-quantize > /dev/null
mkdir -p "$deps/llama.cpp/bin"
for program in llama-perplexity llama-quantize; do
    cp "$source/build/bin/$program" "$deps/llama.cpp/bin/$program.new"
    mv "$deps/llama.cpp/bin/$program.new" "$deps/llama.cpp/bin/$program"
done
