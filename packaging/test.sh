#!/usr/bin/env bash
# Sets up, builds and runs the tests; exits with the first failure's code after running them all.
#
#   packaging/test.sh           everything but the tests labelled "slow" (whole test sets, a real model: an hour on two cores)
#   packaging/test.sh --all     those too
#   packaging/test.sh -L unit   other arguments go to ctest
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GRATICULE_CLIENTS=yes "$root/packaging/build.sh"
cd "$root/build"
select=(-LE slow)
case ${1:-} in
    --all) select=(); shift ;;
    "") echo "The tests labelled slow are left out; packaging/test.sh --all runs them." ;;
    *) select=() ;;
esac
# One at a time: LibTorch uses every core by itself.
exec "$root/.deps/bin/ctest" --output-on-failure "${select[@]}" "$@"
