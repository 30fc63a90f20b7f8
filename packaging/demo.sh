#!/usr/bin/env bash
# Sets up, builds, and runs the main job on the embedded sample models: in the window where there is a display, else headless
# with the same results printed. Reports and exported models go to build/demo/.
#
#   packaging/demo.sh [--headless]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "${1:-}" != --headless ]; then
    "$root/packaging/build.sh" graticule graticule-cli
    exec "$root/build/bin/graticule" sample-opt
fi

"$root/packaging/build.sh" graticule-cli
cli=$root/build/bin/graticule-cli
out=$root/build/demo
rm -rf "$out"
mkdir -p "$out"

int4='w=int4/asym/channel'
dint4='w=dint4/asym/channel'
w4a8='w=int4/asym/channel a=int8/sym/token'
smooth="$w4a8 smoothquant:alpha=0.5"
for sample in sample-opt sample-llama; do
    printf '\n%s: where it hurts under %s (worst first)\n\n' "$sample" "$int4"
    "$cli" calibrate "$sample" --recipe "$int4" --sort sqnr
    printf '\n%s: runs\n\n' "$sample"
    "$cli" compare "$sample" --window 1024 --recipe "$int4" --recipe "$dint4" --recipe "$w4a8" --recipe "$smooth"
    printf '\n%s: quantized as %s, exported\n\n' "$sample" "$w4a8"
    "$cli" run "$w4a8" --model "$sample" --out "$out/$sample" --window 1024
done
printf '\nReports and exported models: build/demo/\n'
