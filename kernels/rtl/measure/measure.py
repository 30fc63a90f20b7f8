#!/usr/bin/env python3
"""Area and switching of every unit of kernels/rtl, relative to INT8 x INT8, as JSON (docs/results/mac_unit.json).

    measure.py --operands FOLDER --out FILE   everything; FOLDER is what tests/rtl/write_operands wrote
    measure.py --check FILE                   synthesizes again and fails where an area is not the one in FILE
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import struct
import subprocess
import sys

import liberty
import switching
import synthesis

TECHNOLOGY = pathlib.Path("/usr/share/qflow/tech/osu018")  # Debian package qflow-tech-osu018
LIBERTY, SPICE = TECHNOLOGY / "osu018_stdcells.lib", TECHNOLOGY / "osu018_stdcells.sp"
REFERENCE = "int8_int8"
RANDOM_LANES, RANDOM_CLOCKS = 1024, 32

# unit, what it is called, number formats of weights and inputs (core/format/all_formats.cpp), what the weights' scales share
UNITS = [
    ("int8_int8", "INT8 × INT8", "int8", "int8", ""),
    ("int4_int8", "INT4 × INT8", "int4", "int8", ""),
    ("dint4_int8", "dINT4 × INT8", "dint4", "int8", ""),
    ("dint3_int8", "dINT3 × INT8", "dint3", "int8", ""),
    ("dgq_int4_int8", "DGQ: INT4 → INT8 × INT8", "int4", "int8", "dual grain"),
    ("fp8_fp8", "FP8 E4M3 × FP8 E4M3", "fp8_e4m3", "fp8_e4m3", ""),
    ("fp4_fp4", "FP4 E2M1 × FP4 E2M1", "fp4_e2m1", "fp4_e2m1", ""),
    # Not in the program's table: what the zero point of dINT4 costs.
    ("dint4_int8_symmetric", "dINT4 × INT8, symmetric channels only", None, None, ""),
]


def lanes_of(words, width, shift):
    """Bits [shift, shift + width) of the words of all lanes, each as an integer with a bit for each lane."""
    bits = []
    for bit in range(shift, shift + width):
        text = "".join("1" if word >> bit & 1 else "0" for word in reversed(words))
        bits.append(int(text, 2))
    return bits


def ports_of(words):
    """The layout of tests/rtl/write_operands/main.cpp."""
    return {"weight": lanes_of(words, 8, 0), "activation": lanes_of(words, 8, 8), "constants": lanes_of(words, 12, 16),
            "load": lanes_of(words, 1, 28), "start": lanes_of(words, 1, 29)}


def read_operands(path):
    data = path.read_bytes()
    clocks, lanes = struct.unpack_from("<2I", data)
    words = struct.unpack_from(f"<{clocks * lanes}I", data, 8)
    sums = struct.unpack_from(f"<{lanes}I", data, 8 + 4 * clocks * lanes)
    return [ports_of(words[i * lanes:(i + 1) * lanes]) for i in range(clocks)], lanes, sums


def random_operands(unit):
    """Every bit of both operands at random; constants that a unit may be given: zero point 5, group scale 7."""
    source = random.Random(1)
    every = (1 << RANDOM_LANES) - 1
    constants = [every if (7 << 4 | 5) >> bit & 1 else 0 for bit in range(12)]

    def operand():
        bits = [source.getrandbits(RANDOM_LANES) for _ in range(8)]
        if unit == "fp8_fp8":  # no NaN, which would stay in the sum
            bits[0] &= ~(bits[1] & bits[2] & bits[3] & bits[4] & bits[5] & bits[6])
        return bits

    clocks = []
    for clock in range(RANDOM_CLOCKS):
        clocks.append({"weight": operand(), "activation": operand(), "constants": constants,
                       "load": [every if clock == 0 else 0], "start": [every if clock <= 1 else 0]})
    return clocks, RANDOM_LANES


def only_ports(clocks, netlist):
    return [{name: bits for name, bits in ports.items() if name in netlist.inputs} for ports in clocks]


def check_sums(unit, sums, expected):
    """The netlist itself, on the same operands, against the engine's own sums."""
    for lane, value in enumerate(expected):
        got = sum((bits >> lane & 1) << i for i, bits in enumerate(sums))
        if got != value:
            raise SystemExit(f"the netlist of {unit} ends lane {lane} with {got:#010x} where {value:#010x} is meant")


def areas(unit, library, counts):
    found = {}
    for part, module in (("with_accumulator", "mac"), ("without_accumulator", "product")):
        netlist = synthesis.synthesize(module, unit, LIBERTY)
        found[part] = (netlist, {"area": netlist.area(library), "transistors": netlist.transistors(counts),
                                 "cells": len(netlist.cells), "flip_flops": netlist.flip_flops(library)})
    return found


def switched(netlist, library, operands, unit, expected=None):
    clocks, lanes = operands
    energy, sums = switching.Simulation(netlist, library).run(only_ports(clocks, netlist), lanes)
    if expected is not None:
        check_sums(unit, sums[-1], expected)
    return energy


def package_version(name):
    return subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True, check=True).stdout


def measure_unit(folder, unit):
    """Figures of the unit with and without accumulator, and their energies on layers and on random operands."""
    library, counts = liberty.Library(LIBERTY), liberty.transistors(SPICE)
    clocks, lanes, expected = read_operands(folder / f"{unit}.bin")
    figures, energies = {}, {}
    for part, (netlist, found) in areas(unit, library, counts).items():
        figures[part] = found
        energies[part] = {
            "layers": switched(netlist, library, (clocks, lanes), unit, expected if part == "with_accumulator" else None),
            "random": switched(netlist, library, random_operands(unit), unit)}
    print(unit, file=sys.stderr, flush=True)
    return figures, energies, lanes, len(clocks)


def measure(folder):
    rows, energies = [], {}
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        # The float unit first: it takes as long as all others.
        order = sorted(UNITS, key=lambda row: row[0] != "fp8_fp8")
        waiting = {row[0]: pool.submit(measure_unit, folder, row[0]) for row in order}
        for unit, title, weights, inputs, grain in UNITS:
            figures, energies[unit], lanes, clocks = waiting[unit].result()
            rows.append({"unit": unit, "title": title, "weights": weights, "inputs": inputs, "grain": grain, **figures})
    reference = next(row for row in rows if row["unit"] == REFERENCE)
    for row in rows:
        for part in ("with_accumulator", "without_accumulator"):
            mine, theirs = energies[row["unit"]][part], energies[REFERENCE][part]
            row[part]["relative"] = {
                "area": round(row[part]["area"] / reference[part]["area"], 3),
                "transistors": round(row[part]["transistors"] / reference[part]["transistors"], 3),
                "power": round(mine["layers"].total / theirs["layers"].total, 3),
                "power_without_glitches": round(mine["layers"].without_glitches / theirs["layers"].without_glitches, 3),
                "power_random_operands": round(mine["random"].total / theirs["random"].total, 3)}
            row[part]["share_of_energy"] = {
                "clock": round(mine["layers"].clock / mine["layers"].total, 3),
                "glitches": round(1 - mine["layers"].without_glitches / mine["layers"].total, 3)}
    return {"reference": REFERENCE,
            "tools": {**synthesis.tool_versions(), "library": f"{library.name} (Debian qflow-tech-osu018 "
                                                              f"{package_version('qflow-tech-osu018')})"},
            "operands": {"lanes": lanes, "clocks": clocks, "random_lanes": RANDOM_LANES, "random_clocks": RANDOM_CLOCKS},
            "units": rows}


def check(path):
    """Exit code 77: another Yosys or library may map differently, which is no mistake of ours."""
    stored = json.loads(path.read_text())
    library, counts = liberty.Library(LIBERTY), liberty.transistors(SPICE)
    here = synthesis.tool_versions()["yosys"]
    if here != stored["tools"]["yosys"]:
        print(f"SKIP: areas were measured with {stored['tools']['yosys']}, here is {here}")
        sys.exit(77)
    wrong = 0
    for row in stored["units"]:
        for part, (_, figures) in areas(row["unit"], library, counts).items():
            for name, value in figures.items():
                if row[part][name] != value:
                    wrong += 1
                    print(f"{row['unit']}, {part}: {name} is {value} where {path.name} has {row[part][name]}")
    print(f"{len(stored['units'])} units synthesized, {wrong} figures differ")
    sys.exit(1 if wrong or not stored["units"] else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operands", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    if not arguments.operands or not arguments.out:
        parser.error("--operands and --out, or --check")
    arguments.out.write_text(json.dumps(measure(arguments.operands), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
