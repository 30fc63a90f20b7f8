#!/usr/bin/env bash
# Sets up, builds and runs every test. Arguments go to ctest: packaging/test.sh -L unit
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GRATICULE_CLIENTS=yes "$root/packaging/build.sh"
cd "$root/build"
exec "$root/.deps/bin/ctest" --output-on-failure --parallel "$(nproc)" "$@"
