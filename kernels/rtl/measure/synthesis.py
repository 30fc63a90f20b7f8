"""A unit of kernels/rtl as cells of a library: Yosys, with ABC for everything but adders and flip-flops (adders.v)."""
import json
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RTL = HERE.parent

# No clock is asked for: ABC maps for area (map -a). Comparisons become gates before sums are looked for, because a full adder
# whose sum nobody reads is a waste. Chosen among a few scripts by the area of INT8 x INT8, the unit that all are compared with.
SCRIPT = """
read_verilog -sv {source}
hierarchy -check -top {top} -libdir {rtl}
proc; flatten; opt -full; wreduce; peepopt; opt_clean
{comparisons}
alumacc; opt
maccmap; opt
{adders}
read_liberty -lib {liberty}
techmap; opt -fast
dfflibmap -liberty {liberty}; opt -fast
abc -liberty {liberty} {abc}
opt_clean -purge
check -assert -mapped
write_json {netlist}
"""

CHOICE = {"comparisons": "techmap t:$lt t:$le t:$gt t:$ge; opt", "adders": f"techmap -map {HERE / 'adders.v'}; opt",
          "abc": "-script +strash;ifraig;scorr;dc2;dc2;dc2;dch,-f;map,-a"}
# What else could have been chosen, to see how much hangs on it.
OTHER_CHOICES = {
    "comparisons are subtractions": {**CHOICE, "comparisons": ""},
    "Yosys's own adders (look-ahead)": {**CHOICE, "adders": ""},
    "ABC's own script for a library": {**CHOICE, "abc": ""},
    "one dc2 instead of three": {**CHOICE, "abc": "-script +strash;ifraig;scorr;dc2;dch,-f;map,-a"},
    "no structural choices (dch)": {**CHOICE, "abc": "-script +strash;ifraig;scorr;dc2;dc2;dc2;map,-a"},
}


class Netlist:
    """Cells and how they are connected: `cells` is a list of (cell name, {pin: net}); constants are the nets "0", "1" and "x"."""

    def __init__(self, module):
        self.ports = {name: port["bits"] for name, port in module["ports"].items()}
        self.inputs = {name for name, port in module["ports"].items() if port["direction"] == "input"}
        self.cells = [(cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items()})
                      for _, cell in sorted(module["cells"].items())]

    def area(self, library):
        return sum(library.cells[name].area for name, _ in self.cells)

    def transistors(self, counts):
        return sum(counts[name] for name, _ in self.cells)

    def flip_flops(self, library):
        return sum(1 for name, _ in self.cells if library.cells[name].clock)


def synthesize(part, unit, liberty, choice=CHOICE):
    """The netlist of module `part`_`unit` ("mac", "product"), by CHOICE or a row of OTHER_CHOICES. Only its own files are read: what
    ABC finds depends a little on the names that Yosys gives, and those on everything that it has read."""
    top = f"{part}_{unit}"
    with tempfile.TemporaryDirectory() as folder:
        netlist = pathlib.Path(folder) / "netlist.json"
        script = SCRIPT.format(source=RTL / f"mac_{unit}.sv", rtl=RTL, top=top, liberty=liberty, netlist=netlist, **choice)
        done = subprocess.run(["yosys", "-q", "-s", "/dev/stdin"], input=script, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"yosys could not synthesize {top}: {done.stderr.strip() or done.stdout.strip()}")
        return Netlist(json.loads(netlist.read_text())["modules"][top])
