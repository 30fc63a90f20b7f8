#!/usr/bin/env bash
# Sets up and builds into build/ (programs in build/bin). Sourced by demo.sh and test.sh; run by hand: packaging/build.sh [TARGET...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
"$root/packaging/deps/install.sh" ${GRATICULE_CLIENTS:+--clients} ${GRATICULE_RTL:+--rtl} >&2

rtl=${GRATICULE_RTL:+ON}
options=(-DGRATICULE_CUDA="${GRATICULE_CUDA:-ON}" -DGRATICULE_GUI="${GRATICULE_GUI:-ON}" -DGRATICULE_RTL="${rtl:-OFF}")
[ -z "${GRATICULE_TORCH_DIR:-}" ] || options+=(-DGRATICULE_TORCH_DIR="$GRATICULE_TORCH_DIR")
log=build/configure.log
mkdir -p build
if ! .deps/bin/cmake --preset release "${options[@]}" > "$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
.deps/bin/cmake --build build --parallel "$(nproc)" ${1:+--target "$@"} >&2
