#!/usr/bin/env python3
"""Compiles every public header alone: what a header needs, it includes itself.

Usage: check_headers.py REPOSITORY COMPILER. Headers that pull in Torch, Qt or ImGui are left to the files that use them: compiling
each alone would cost minutes, and every one of them is the first include of its own .cpp file.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOMS = ("kernels/api", "kernels/conformance", "core")
HEAVY = ("ATen/", "c10/", "nlohmann/json.hpp")
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)


def is_heavy(root, header, seen):
    """True when the header pulls in a heavy one, itself or through others of the repository."""
    if header in seen or not header.exists():
        return False
    seen.add(header)
    included = INCLUDE.findall(header.read_text())
    return any(name.startswith(HEAVY) for name in included) or any(is_heavy(root, root / name, seen) for name in included)


def compile_alone(root, compiler, header):
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", f"-I{root}", "-include", str(header), "-x", "c++", "-"]
    result = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    return header, result.returncode, result.stderr


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    headers = [header for room in ROOMS for header in sorted((root / room).rglob("*.h"))
               if not is_heavy(root, header, set())]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, code, errors in pool.map(lambda h: compile_alone(root, compiler, h), headers):
            if code != 0:
                failed += 1
                print(f"{header.relative_to(root)} does not compile alone:\n{errors}")
    print(f"{len(headers)} headers, {failed} do not compile alone")
    sys.exit(1 if failed or not headers else 0)


main()
