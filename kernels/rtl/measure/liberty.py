"""Reads what is needed of a Liberty file: areas, pins, functions, capacitances, delays and internal energies of the cells.

    library = Library(path)
    library.cells["NAND2X1"].area
"""
import bisect
import dataclasses
import pathlib
import re

# Tables are read at this input transition: the second of the library's grid, about what its own cells drive a small load with.
INPUT_TRANSITION_NS = 0.18


class Group:
    """name (arguments) { attributes; groups }"""

    def __init__(self, kind, arguments):
        self.kind, self.arguments = kind, arguments
        self.attributes, self.groups = {}, []

    def all(self, kind):
        return [group for group in self.groups if group.kind == kind]

    def number(self, name, default=0.0):
        return float(self.attributes.get(name, default))


def parse(text):
    """The outermost group of a Liberty file."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
    position = 0
    statement = re.compile(r'\s*(?:(\})|([A-Za-z0-9_]+)\s*(?::\s*("[^"]*"|[^;{}"]+?)\s*;|\(([^()]*)\)\s*(\{|;?)))\s*;?')
    stack = [Group("file", "")]
    while position < len(text.rstrip()):
        match = statement.match(text, position)
        if not match:
            raise ValueError(f"not Liberty: {text[position:position + 60]!r}")
        position = match.end()
        closing, name, value, arguments, opens = match.groups()
        if closing:
            stack.pop()
        elif value is not None:
            stack[-1].attributes[name] = value.strip().strip('"')
        elif opens == "{":
            group = Group(name, arguments.strip().strip('"'))
            stack[-1].groups.append(group)
            stack.append(group)
        else:
            stack[-1].attributes[name] = arguments
    return stack[0].groups[0]


def numbers(text):
    return [float(number) for number in re.findall(r"-?[0-9][0-9.eE+\-]*", text)]


def between(axis, values, at):
    """Linear between the points of the axis, constant outside."""
    if at <= axis[0]:
        return values[0]
    if at >= axis[-1]:
        return values[-1]
    i = bisect.bisect_right(axis, at)
    share = (at - axis[i - 1]) / (axis[i] - axis[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1])


class Table:
    """A value by the load of the output (pF), at INPUT_TRANSITION_NS; or one value where there is no output."""

    def __init__(self, group):
        first, values = numbers(group.attributes["index_1"]), numbers(group.attributes["values"])
        if "index_2" in group.attributes:
            second = numbers(group.attributes["index_2"])
            rows = [values[i:i + len(second)] for i in range(0, len(values), len(second))]
            self.loads, self.values = first, [between(second, row, INPUT_TRANSITION_NS) for row in rows]
        else:
            self.loads, self.values = [0.0], [between(first, values, INPUT_TRANSITION_NS)]

    def at(self, load):
        return between(self.loads, self.values, load)


@dataclasses.dataclass
class Tables:
    """The mean of several tables: rising and falling, from each input."""
    tables: list

    def at(self, load=0.0):
        return sum(table.at(load) for table in self.tables) / len(self.tables) if self.tables else 0.0


@dataclasses.dataclass
class Pin:
    name: str
    is_input: bool
    capacitance: float  # pF
    function: str       # of an output
    delay: Tables       # ns
    energy: Tables      # internal, pJ per transition of this pin


@dataclasses.dataclass
class Cell:
    name: str
    area: float
    inputs: list
    outputs: list
    clock: str  # of a flip-flop, else empty

    def pin(self, name):
        return next(pin for pin in self.inputs + self.outputs if pin.name == name)


def tables(pin, kind, names):
    return Tables([Table(table) for group in pin.all(kind) for name in names for table in group.all(name)])


class Library:
    def __init__(self, path):
        top = parse(pathlib.Path(path).read_text())
        self.name = top.arguments
        self.voltage = top.number("nom_voltage")
        self.cells = {}
        for group in top.all("cell"):
            pins = [Pin(pin.arguments, pin.attributes.get("direction") == "input", pin.number("capacitance"),
                        pin.attributes.get("function", ""), tables(pin, "timing", ("cell_rise", "cell_fall")),
                        tables(pin, "internal_power", ("rise_power", "fall_power"))) for pin in group.all("pin")]
            clocks = [flip_flop.attributes["clocked_on"] for flip_flop in group.all("ff")]
            self.cells[group.arguments] = Cell(group.arguments, group.number("area"), [p for p in pins if p.is_input],
                                               [p for p in pins if not p.is_input], clocks[0] if clocks else "")


def transistors(spice_path):
    """Transistors of every cell, from the library's netlists."""
    counts, name = {}, None
    for line in pathlib.Path(spice_path).read_text().splitlines():
        words = line.split()
        if words and words[0].lower() == ".subckt":
            name = words[1]
            counts[name] = 0
        elif words and words[0][0] in "Mm" and name:
            counts[name] += 1
    return counts
