#!/usr/bin/env bash
# Measures the units of kernels/rtl and sets docs/results/mac_unit.md with its pictures and mac_unit.json: operands from the sample
# models, synthesis with Yosys, switching of the gates. Two minutes on two cores once it is built. core/format/mac_units.cpp holds
# the same figures for the program; they are copied by hand, and tst_core (units_are_as_measured) compares them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
GRATICULE_RTL=yes packaging/build.sh write_operands
operands=$(mktemp -d)
trap 'rm -rf "$operands"' EXIT
build/tests/write_operands "$operands"
python3 kernels/rtl/measure/measure.py --operands "$operands" --out docs/results/mac_unit.json
python3 docs/results/mac_unit.py docs/results
