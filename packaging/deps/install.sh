#!/usr/bin/env bash
# Installs what building Graticule needs and is not there yet: Debian packages, then LibTorch, the CUDA Toolkit, HiGHS and CMake in
# a virtual environment (.deps). Run again, it finds everything and returns at once.
#
#   packaging/deps/install.sh [--clients] [--llama-cpp] [--rtl]
#
#   --clients   also gguf, transformers and compressed-tensors, the pinned and the newest release, for the tests
#   --llama-cpp also llama-perplexity and llama-quantize, built here: twenty minutes of a core, once
#   --rtl       also Yosys, Verilator and a free cell library, for the units of kernels/rtl
#
# GRATICULE_CUDA=OFF     leaves the CUDA Toolkit out (1.3 GB instead of 4.9 GB)
# GRATICULE_TORCH_DIR=D  uses the LibTorch in folder D
# GRATICULE_OFFLINE=1    installs nothing; says what is missing and stops
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=packaging/deps/versions.sh
. "$here/versions.sh"
cuda=${GRATICULE_CUDA:-ON}
deps=$root/.deps
clients=no llama_cpp=no rtl=no
for option in "$@"; do
    case $option in
        --clients) clients=yes ;;
        --llama-cpp) llama_cpp=yes ;;
        --rtl) rtl=yes ;;
        *) echo "error: unknown option $option" >&2; exit 2 ;;
    esac
done

debian_packages=(g++ git pkg-config ninja-build ccache mold python3-venv
    qt6-base-dev libqt6opengl6-dev qt6-svg-dev libgl-dev libimgui-dev libstb-dev
    nlohmann-json3-dev libcli11-dev libpcre2-dev libsentencepiece-dev libutf8proc-dev libssl-dev
    xvfb xauth xdotool libgl1-mesa-dri fonts-inter fonts-jetbrains-mono)
[ "$rtl" = no ] || debian_packages+=(yosys verilator qflow-tech-osu018)

say() { printf '== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

missing=()
for package in "${debian_packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    [ -z "${GRATICULE_OFFLINE:-}" ] || fail "missing Debian packages: ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null || fail "these Debian packages are missing and installing them needs root: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -q > /dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" > /dev/null
fi

# A line of the marker file for each step that was finished; a changed version is a different line.
done_already() { [ -e "$deps/installed" ] && grep -qxF "$1" "$deps/installed"; }
finished() { echo "$1" >> "$deps/installed"; }
pip_install() {
    [ -z "${GRATICULE_OFFLINE:-}" ] || fail "missing in .deps: $*"
    "$deps/bin/pip" install --quiet --disable-pip-version-check "$@"
}

if [ ! -x "$deps/bin/pip" ]; then
    [ -z "${GRATICULE_OFFLINE:-}" ] || fail "there is no virtual environment in .deps"
    say "making the virtual environment .deps"
    python3 -m venv "$deps"
fi

step="cmake $GRATICULE_CMAKE_VERSION"
if ! done_already "$step"; then
    say "installing CMake $GRATICULE_CMAKE_VERSION"
    pip_install "cmake==$GRATICULE_CMAKE_VERSION"
    finished "$step"
fi

step="highs $GRATICULE_HIGHS_VERSION"
if ! done_already "$step"; then
    say "installing the solver HiGHS $GRATICULE_HIGHS_VERSION (9 MB)"
    pip_install --no-deps "highsbox==$GRATICULE_HIGHS_VERSION"
    finished "$step"
fi

step="torch $GRATICULE_TORCH_VERSION cuda=$cuda"
if [ -z "${GRATICULE_TORCH_DIR:-}" ] && ! done_already "$step" &&
    ! { [ "$cuda" = OFF ] && done_already "torch $GRATICULE_TORCH_VERSION cuda=ON"; }; then
    if [ "$cuda" = OFF ]; then
        say "installing LibTorch $GRATICULE_TORCH_VERSION for the CPU (1.3 GB)"
        pip_install --no-deps "torch==$GRATICULE_TORCH_VERSION"
        # libtorch_cpu of this wheel itself needs libcudart and libcupti.
        pip_install "cuda-toolkit[cudart,cupti]==$GRATICULE_CUDA_TOOLKIT_VERSION"
    else
        say "installing LibTorch $GRATICULE_TORCH_VERSION and the CUDA Toolkit $GRATICULE_CUDA_TOOLKIT_VERSION (4.9 GB)"
        pip_install "torch==$GRATICULE_TORCH_VERSION" \
            "cuda-toolkit[nvcc,cccl,crt,nvvm]==$GRATICULE_CUDA_TOOLKIT_VERSION"
    fi
    finished "$step"
fi

# The toolkit's wheels lack lib64 and the plain libX.so names; without them nvcc cannot link.
for toolkit in "$deps"/lib/python3*/site-packages/nvidia/cu13; do
    [ -d "$toolkit/lib" ] || continue
    [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
    for library in "$toolkit"/lib/lib*.so.*; do
        plain=${library%%.so.*}.so
        [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
    done
done

step="clients $GRATICULE_TRANSFORMERS_VERSION $GRATICULE_COMPRESSED_TENSORS_VERSION $GRATICULE_GGUF_VERSION"
if [ "$clients" = yes ] && [ "$cuda" != OFF ] && ! done_already "$step"; then
    say "installing the clients that the tests load exported models with"
    pip_install "transformers==$GRATICULE_TRANSFORMERS_VERSION" "compressed-tensors==$GRATICULE_COMPRESSED_TENSORS_VERSION" \
                "gguf==$GRATICULE_GGUF_VERSION"
    finished "$step"
fi

step="newest clients $GRATICULE_NEWEST_TRANSFORMERS_VERSION $GRATICULE_NEWEST_COMPRESSED_TENSORS_VERSION"
if [ "$clients" = yes ] && [ "$cuda" != OFF ] && ! done_already "$step"; then
    say "installing the newest release of the clients beside"
    # Without what they need: that is the virtual environment's, LibTorch among it.
    rm -rf "$deps/clients-newest"
    pip_install --no-deps --target "$deps/clients-newest" "transformers==$GRATICULE_NEWEST_TRANSFORMERS_VERSION" \
        "compressed-tensors==$GRATICULE_NEWEST_COMPRESSED_TENSORS_VERSION"
    finished "$step"
fi

step="llama.cpp of llama-cpp-python $GRATICULE_LLAMA_CPP_PYTHON_VERSION"
if [ "$llama_cpp" = yes ] && ! done_already "$step"; then
    [ -z "${GRATICULE_OFFLINE:-}" ] || fail "llama.cpp is not built in .deps"
    say "building llama-perplexity and llama-quantize of llama.cpp (some ten minutes)"
    "$here/llama_cpp.sh" "$deps" "$GRATICULE_LLAMA_CPP_PYTHON_VERSION" "$(nproc)"
    finished "$step"
fi
