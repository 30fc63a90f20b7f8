#!/usr/bin/env python3
"""Checks the include rules of ARCHITECTURE.md section 2: a file's folder is its layer, and no arrow points back.

Usage: check_layers.py REPOSITORY. Prints every include that breaks a rule and exits with 1 when there is one.
"""
import pathlib
import re
import sys

# layer -> layers it may include (itself is always allowed). Inside core only leftwards.
BASE = ["kernels/api", "core/base"]
TENSOR = BASE + ["core/tensor"]
FORMAT = TENSOR + ["core/model", "core/format"]
STATS = FORMAT + ["core/io", "core/stats", "core/recipe"]
RESULT = STATS + ["core/result"]
REPORT = RESULT + ["core/report"]
RUNTIME = REPORT + ["core/runtime", "core/export"]
ENGINE = RUNTIME + ["core/method", "core/engine"]
WIDGETS = ["core/base", "core/tensor", "core/model", "core/format", "core/stats", "core/recipe", "core/result", "kernels/api",
           "widgets"]
ALLOWED = {
    "kernels/api": [],
    "kernels/cpu": ["kernels/api"],
    "kernels/cuda": ["kernels/api"],
    "kernels/conformance": ["kernels/api"],
    "core/base": BASE,
    "core/tensor": TENSOR,
    "core/model": FORMAT + ["core/io"],
    "core/format": FORMAT,
    "core/io": STATS,
    "core/stats": STATS,
    "core/recipe": STATS,
    "core/result": RESULT,
    "core/report": REPORT,
    "core/runtime": RUNTIME,
    "core/export": RUNTIME,
    "core/method": RUNTIME + ["core/method"],
    "core/engine": ENGINE,
    "widgets": WIDGETS,
    "app/remote": ENGINE,
    "app/cli": ENGINE + ["kernels/conformance", "app/cli", "app/remote"],
    "app": ENGINE + WIDGETS + ["app/session", "app/jobs", "app/window", "app/cli", "app/remote"],
    "tests": None,  # anything
}
# (pattern of the included header, where it is allowed, why)
RESTRICTED = [
    (r"^(torch|ATen|c10)/", r"^core/(runtime|method)/((solvers|linear)/)?[^/]*\.cpp$|^core/runtime/torch_\w+\.h$|^tests/",
     "Torch headers only in .cpp files of core/runtime and core/method, and in core/runtime/torch_*.h"),
    (r"^Qt[A-Z]\w*/|^Q[A-Z]\w*$", r"^(widgets|app/(session|jobs|window)|app/main_gui|tests)",
     "Qt only in widgets, app and tests"),
    (r"^imgui", r"^widgets/plots/|^tests/widgets/", "Dear ImGui only in widgets/plots"),
    (r"^cuda(_runtime|_fp|\.h)|^cub/|^cooperative_groups", r"^kernels/cuda/|^tests/benchmarks/",
     "CUDA headers only in kernels/cuda and the benchmarks"),
    (r"^interfaces/highs_c_api|^Highs|^highs", r"^core/recipe/scheme_allocation\.cpp$", "HiGHS only where schemes are allocated"),
    (r"^nlohmann/json\.hpp$",
     r"^core/(base|io|recipe|report|export|engine|model)/.*\.cpp$|^core/(io|report)/json_\w+\.h$|^app/(cli|remote|session)/|^app/main|^tests/",
     "the full JSON header only in .cpp files at the edges (headers: json_fwd.hpp)"),
]
SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')


def layer_of(path):
    for depth in (2, 1):
        layer = "/".join(path.split("/")[:depth])
        if layer in ALLOWED:
            return layer
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    problems = []
    checked = 0
    for top in ("kernels", "core", "widgets", "app", "tests"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            path = file.relative_to(root).as_posix()
            checked += 1
            layer = layer_of(path)
            allowed = ALLOWED[layer] if layer else None
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                header = match.group(1)
                target = layer_of(header)
                if allowed is not None and target and target != layer and target not in allowed:
                    problems.append(f"{path}:{number}: {layer} may not include {header}")
                for pattern, where, why in RESTRICTED:
                    if re.search(pattern, header) and not re.search(where, path):
                        problems.append(f"{path}:{number}: includes {header}: {why}")
    print("\n".join(problems) if problems else f"{checked} files, no include points back")
    sys.exit(1 if problems or checked == 0 else 0)


main()
