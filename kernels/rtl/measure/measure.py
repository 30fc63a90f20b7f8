#!/usr/bin/env python3
"""Area and switching of every unit of kernels/rtl, relative to INT8 x INT8, as JSON (docs/results/mac_unit.json).

    measure.py --operands FOLDER --out FILE   everything; FOLDER is what tests/rtl/write_operands wrote
    measure.py --check FILE                   measures again what needs no operands (areas, random operands); fails where FILE differs
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
PARTS = {"with_accumulator": "mac", "without_accumulator": "product"}  # and the modules that they are

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
    """{part: (netlist, its figures)} of the unit with and without its accumulator."""
    found = {}
    for part, module in PARTS.items():
        netlist = synthesis.synthesize(module, unit, LIBERTY)
        found[part] = (netlist, {"area": netlist.area(library), "transistors": netlist.transistors(counts),
                                 "cells": len(netlist.cells), "flip_flops": netlist.flip_flops(library)})
    return found


def switched(netlist, library, operands, unit, expected=None, delay=switching.DELAY):
    """The switching.Energy of the netlist on the operands, (clocks, lanes)."""
    clocks, lanes = operands
    energy, sums = switching.Simulation(netlist, library, delay).run(only_ports(clocks, netlist), lanes)
    if expected is not None:
        check_sums(unit, sums[-1], expected)
    return energy


def measure_on_random_operands(unit):
    """Figures of both parts, their netlists, and their energies on random operands: what can be measured without the engine."""
    library, counts = liberty.Library(LIBERTY), liberty.transistors(SPICE)
    netlists, figures, energies = {}, {}, {}
    for part, (netlist, found) in areas(unit, library, counts).items():
        netlists[part], figures[part] = netlist, found
        energies[part] = switched(netlist, library, random_operands(unit), unit)
    return netlists, figures, energies


def measure_unit(folder, unit):
    """Everything about a unit: figures, energies on the sample models' layers and on random operands, and what other choices of
    the method would have given (with accumulator, random operands)."""
    library = liberty.Library(LIBERTY)
    netlists, figures, random_energies = measure_on_random_operands(unit)
    clocks, lanes, expected = read_operands(folder / f"{unit}.bin")
    layer_energies = {part: switched(netlist, library, (clocks, lanes), unit, expected if part == "with_accumulator" else None)
                      for part, netlist in netlists.items()}
    whole = PARTS["with_accumulator"]
    other_areas = {title: synthesis.synthesize(whole, unit, LIBERTY, choice).area(library)
                   for title, choice in synthesis.OTHER_CHOICES.items()}
    other_energies = {title: switched(netlists["with_accumulator"], library, random_operands(unit), unit, delay=delay).total
                      for title, delay in switching.OTHER_DELAYS.items()}
    print(unit, file=sys.stderr, flush=True)
    return {"figures": figures, "layers": layer_energies, "random": random_energies, "other_areas": other_areas,
            "other_energies": other_energies, "lanes": lanes, "clocks": len(clocks)}


def all_units(work, *arguments):
    """{unit: work(*arguments, unit)}, on every core. The float unit comes first: it takes as long as all others."""
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        order = sorted((row[0] for row in UNITS), key=lambda unit: unit != "fp8_fp8")
        waiting = {unit: pool.submit(work, *arguments, unit) for unit in order}
        return {row[0]: waiting[row[0]].result() for row in UNITS}


def ratio(mine, reference):
    return round(mine / reference, 3)


def tools():
    yosys = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=True).stdout.split("(")[0].strip()
    package = "qflow-tech-osu018"
    version = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=True).stdout
    return {"yosys": yosys, "library": f"{liberty.Library(LIBERTY).name} (Debian {package} {version})"}


def measure(folder):
    found = all_units(measure_unit, folder)
    reference = found[REFERENCE]
    rows = []
    for unit, title, weights, inputs, grain in UNITS:
        mine = found[unit]
        row = {"unit": unit, "title": title, "weights": weights, "inputs": inputs, "grain": grain}
        for part in PARTS:
            figures, layers, on_random = mine["figures"][part], mine["layers"][part], mine["random"][part]
            their_figures, their_layers = reference["figures"][part], reference["layers"][part]
            row[part] = {
                **figures,
                "relative": {"area": ratio(figures["area"], their_figures["area"]),
                             "transistors": ratio(figures["transistors"], their_figures["transistors"]),
                             "power": ratio(layers.total, their_layers.total),
                             "power_without_glitches": ratio(layers.without_glitches, their_layers.without_glitches),
                             "power_random_operands": ratio(on_random.total, reference["random"][part].total)},
                "share_of_energy": {"clock": ratio(layers.clock, layers.total),
                                    "glitches": round(1 - layers.without_glitches / layers.total, 3)}}
        rows.append(row)
    return {"reference": REFERENCE,
            "tools": tools(),
            "operands": {"lanes": reference["lanes"], "clocks": reference["clocks"], "random_lanes": RANDOM_LANES,
                         "random_clocks": RANDOM_CLOCKS},
            "units": rows,
            "other_choices": {
                "synthesis": [{"title": title, "area": {unit: mine["other_areas"][title] for unit, mine in found.items()}}
                              for title in synthesis.OTHER_CHOICES],
                "delays": [{"title": title, "power": {unit: ratio(mine["other_energies"][title], reference["other_energies"][title])
                                                      for unit, mine in found.items()}} for title in switching.OTHER_DELAYS]}}


def check(path):
    """Exit code 77: another Yosys or library may map differently, which is no mistake of ours."""
    stored = json.loads(path.read_text())
    if tools() != stored["tools"]:
        print(f"SKIP: measured with {stored['tools']}, here is {tools()}")
        sys.exit(77)
    found, compared, wrong = all_units(measure_on_random_operands), 0, 0
    rows = {row["unit"]: row for row in stored["units"]}
    for unit, (_, figures, energies) in found.items():
        for part in PARTS:
            row, reference = rows[unit][part], found[REFERENCE]
            relative = {name: ratio(figures[part][name], reference[1][part][name]) for name in ("area", "transistors")}
            relative["power_random_operands"] = ratio(energies[part].total, reference[2][part].total)
            here = [(name, value, row[name]) for name, value in figures[part].items()]
            here += [(f"relative {name}", value, row["relative"][name]) for name, value in relative.items()]
            for name, value, expected in here:
                compared += 1
                if expected != value:
                    wrong += 1
                    print(f"{unit}, {part}: {name} is {value} where {path.name} has {expected}")
    print(f"{len(found)} units synthesized, {compared} figures compared, {wrong} differ")
    sys.exit(1 if wrong or len(found) != len(rows) else 0)


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
