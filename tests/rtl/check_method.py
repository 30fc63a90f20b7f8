#!/usr/bin/env python3
"""Checks kernels/rtl/measure with circuits whose transitions and energies are counted by hand.

    check_method.py SOURCE_FOLDER
"""
import pathlib
import re
import sys
import types

sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "kernels/rtl/measure"))
import liberty  # noqa: E402
import measure  # noqa: E402
import switching  # noqa: E402
from liberty import Cell, Pin, Tables  # noqa: E402

NOTHING = Tables([])


def constant(value):
    return Tables([types.SimpleNamespace(at=lambda load: value)])


def cell(name, inputs, function, clock="", energy=NOTHING):
    """Every input weighs 1 pF: at 2 V a transition of one costs 2 pJ."""
    pins = [Pin(pin, True, 1.0, "", NOTHING, NOTHING) for pin in inputs]
    return Cell(name, 1.0, pins, [Pin("Y", False, 0.0, function, NOTHING, energy)], clock)


def circuit(ports, cells):
    return types.SimpleNamespace(ports=ports, inputs=set(ports), cells=cells)


LIBRARY = types.SimpleNamespace(voltage=2.0, cells={
    "NOT": cell("NOT", "A", "(!A)"), "AND": cell("AND", "AB", "(A B)"), "DFF": cell("DFF", "DC", "", clock="C"),
    "HOT": cell("HOT", "A", "(A)", energy=constant(0.5))})


def energy_of(netlist, clocks, lanes, delays):
    simulation = switching.Simulation(netlist, LIBRARY, lambda pin, load: delays[pin.function])
    return simulation.run(clocks, lanes)


def expect(what, got, wanted):
    if abs(got - wanted) > 1e-9:
        sys.exit(f"{what}: {got} where {wanted} is meant")


def a_pulse_dies_in_a_slow_gate():
    """a and not a: when a rises, the inverter's delay leaves a pulse at the AND. One of two lanes rises, once in two clocks."""
    netlist = circuit({"a": ["a"]}, [("NOT", {"A": "a", "Y": "n"}), ("AND", {"A": "a", "B": "n", "Y": "p"}),
                                     ("NOT", {"A": "p", "Y": "q"})])
    clocks = [{"a": [0b00]}, {"a": [0b01]}]
    once = 2 * 2 + 2  # a drives two pins, n one
    for title, delays, pulse in (("a gate as fast as the pulse is long", {"(!A)": 1, "(A B)": 1}, 2 * 2),
                                 ("a slower gate", {"(!A)": 1, "(A B)": 2}, 0)):
        found, _ = energy_of(netlist, clocks, 2, delays)
        expect(title, found.nets * 4, once + pulse)
        expect(title + ", without glitches", found.without_glitches * 4, once)


def a_register_pays_for_its_clock():
    """A flip-flop that turns over: three times in four clocks, because the first clock shows what it was reset to."""
    netlist = circuit({"sum": ["q"], "clock": ["c"]}, [("DFF", {"D": "d", "C": "c", "Y": "q"}), ("NOT", {"A": "q", "Y": "d"})])
    found, sums = energy_of(netlist, [{}] * 4, 1, {"(!A)": 1})
    expect("clock", found.clock, 2 * 2)
    expect("data", found.nets * 4, 3 * 2 + 3 * 2)
    if sums != [[1], [0], [1], [0]]:
        sys.exit(f"what the register holds after each clock: {sums}")


def cells_pay_inside():
    netlist = circuit({"a": ["a"]}, [("HOT", {"A": "a", "Y": "y"})])
    found, _ = energy_of(netlist, [{"a": [1]}, {"a": [0]}, {"a": [0]}], 1, {"(A)": 1})
    expect("internal", found.internal * 3, 2 * 0.5)


def functions_of_the_library():
    """Every combinational cell (a name without its drive strength, X1), against what the name says."""
    meant = {"INV": lambda a: not a, "BUF": lambda a: a, "CLKBUF": lambda a: a,
             "AND2": lambda a, b: a and b, "OR2": lambda a, b: a or b, "XOR2": lambda a, b: a != b, "XNOR2": lambda a, b: a == b,
             "NAND2": lambda a, b: not (a and b), "NAND3": lambda a, b, c: not (a and b and c),
             "NOR2": lambda a, b: not (a or b), "NOR3": lambda a, b, c: not (a or b or c),
             "AOI21": lambda a, b, c: not (a and b or c), "AOI22": lambda a, b, c, d: not (a and b or c and d),
             "OAI21": lambda a, b, c: not ((a or b) and c), "OAI22": lambda a, b, c, d: not ((a or b) and (c or d)),
             "MUX2": lambda a, b, s: not (a if s else b)}
    elsewhere = {"FA", "HA", "LATCH", "TBUF"}  # two outputs, below; no netlist of ours has the last two
    library = liberty.Library(measure.LIBERTY)
    for name, cell in library.cells.items():
        kind = re.sub(r"X?[0-9]$", "", name)
        if cell.clock or kind in elsewhere:
            continue
        if kind not in meant:
            sys.exit(f"{name}: what does it compute?")
        says, inputs = meant[kind], [pin.name for pin in cell.inputs]
        function = switching.python_function(cell.outputs[0].function)
        for row in range(1 << len(inputs)):
            bits = {pin: row >> i & 1 for i, pin in enumerate(inputs)}
            if eval(function, {"m": 1, **bits}) != int(says(*bits.values())):
                sys.exit(f"{name} of {bits} by {function}")
    for adder in (library.cells["FAX1"], library.cells["HAX1"]):
        for row in range(1 << len(adder.inputs)):
            bits = {pin.name: row >> i & 1 for i, pin in enumerate(adder.inputs)}
            carry, total = (eval(switching.python_function(adder.pin(pin).function), {"m": 1, **bits}) for pin in ("YC", "YS"))
            expect(f"{adder.name} of {bits}", 2 * carry + total, sum(bits.values()))


def tables_of_the_library():
    """A number that stands in the file, and what lies half way to the next."""
    values = liberty.Table(types.SimpleNamespace(attributes={
        "index_1": "0.1, 0.3", "index_2": f"{liberty.INPUT_TRANSITION_NS}, 9", "values": '"1, 50", "3, 70"'}))
    expect("at a point", values.at(0.1), 1)
    expect("between two", values.at(0.2), 2)
    expect("beyond the last", values.at(5), 3)
    expect("area of the smallest inverter, µm²", liberty.Library(measure.LIBERTY).cells["INVX1"].area, 16)
    expect("transistors of NAND2X1", liberty.transistors(measure.SPICE)["NAND2X1"], 4)


def main():
    checks = (a_pulse_dies_in_a_slow_gate, a_register_pays_for_its_clock, cells_pay_inside, functions_of_the_library,
              tables_of_the_library)
    for check in checks:
        check()
    print(f"{len(checks)} checks passed")


main()
