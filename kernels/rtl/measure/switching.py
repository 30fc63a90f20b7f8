"""What a netlist spends on its operands: every transition of every net, counted in a simulation of the gates.

Many independent operand streams ("lanes") are simulated at once: the value of a net is one integer with a bit for each lane, so
that a gate is a few operations on long integers whatever the number of lanes.

Between two clock edges the gates are simulated event by event with the delays of the library (at the load that the netlist gives
them), so that a net that moves twice before it settles is counted twice: those glitches are most of what a multiplier spends.
"""
import dataclasses
import heapq
import re

TICK_NS = 0.05  # delays are whole ticks; the cells' are 0.1 to 0.3 ns


def library_delay(tick):
    """A gate's delay in ticks of `tick` ns, as the library has it at the gate's load."""
    return lambda pin, load: max(1, round(pin.delay.at(load) / tick))


DELAY = library_delay(TICK_NS)
# What else could have been assumed, to see how much hangs on it.
OTHER_DELAYS = {"ticks of 0.02 ns": library_delay(0.02), "ticks of 0.1 ns": library_delay(0.1),
                "every gate the same delay": lambda pin, load: 1}


def python_function(function):
    """A Liberty function ("(!((A B)+C))") as the text of a Python expression on integers; `m` has a bit for each lane."""
    text = re.sub(r"(?<=[A-Za-z0-9_)])\s+(?=[A-Za-z(!])", "&", function.strip())  # a space between operands is AND
    return f"({text.replace('+', '|').replace('!', '~')}) & m"


@dataclasses.dataclass
class Energy:
    """pJ per clock and lane."""
    nets: float = 0.0      # 1/2 C V^2 of every transition
    internal: float = 0.0  # inside the cells, by the library's tables
    clock: float = 0.0     # clock pins, both edges
    settled: float = 0.0   # what nets and internal would be if every net moved at most once a clock

    @property
    def total(self):
        return self.nets + self.internal + self.clock

    @property
    def without_glitches(self):
        return self.settled + self.clock


class Simulation:
    """A netlist made ready: nets are numbered, gates are functions, and every net has the energy of one transition."""

    def __init__(self, netlist, library, delay=DELAY):
        self.ports = netlist.ports
        loads = {}
        for name, pins in netlist.cells:
            for pin in library.cells[name].inputs:
                loads.setdefault(pins[pin.name], []).append(pin)
        load = {net: sum(pin.capacitance for pin in pins) for net, pins in loads.items()}
        half_square = library.voltage**2 / 2
        self.number = {}
        self.net_energy, self.internal_energy = [], []

        def numbered(net):
            if net not in self.number:
                self.number[net] = len(self.number)
                self.net_energy.append(load.get(net, 0.0) * half_square)
                self.internal_energy.append(sum(pin.energy.at() for pin in loads.get(net, [])))
            return self.number[net]

        self.gates = []       # (net, function, nets it reads, delay in ticks)
        self.flip_flops = []  # (Q, D)
        self.clock_energy = 0.0
        self.clock_nets = set()
        for name, pins in netlist.cells:
            cell = library.cells[name]
            for pin in cell.outputs:
                if pin.name not in pins:
                    continue
                out, at = numbered(pins[pin.name]), load.get(pins[pin.name], 0.0)
                self.internal_energy[out] += pin.energy.at(at)
                if not cell.clock:
                    names = ", ".join(p.name for p in cell.inputs)
                    function = eval(f"lambda m, {names}: {python_function(pin.function)}")  # the library's own text
                    self.gates.append((out, function, [numbered(pins[p.name]) for p in cell.inputs], delay(pin, at)))
            if cell.clock:
                clock = cell.pin(cell.clock)
                self.clock_nets.add(numbered(pins[cell.clock]))
                self.clock_energy += 2 * (clock.capacitance * half_square + clock.energy.at())
                self.flip_flops.append((numbered(pins[cell.outputs[0].name]), numbered(pins["D"])))
        for bits in self.ports.values():
            for bit in bits:
                numbered(bit)
        self.readers = [[] for _ in self.number]
        for gate in self.gates:
            for net in set(gate[2]):
                self.readers[net].append(gate)

    def run(self, clocks, lanes):
        """`clocks`: for every clock {port: [value of bit 0, of bit 1, ...]}, each value an integer with a bit for each lane.
        Returns the Energy and, to check the netlist with, the bits of the port "sum" after every clock."""
        mask = (1 << lanes) - 1
        value = self.quiet(mask)
        moved, settled = [0] * len(value), [0] * len(value)
        registers, sums = {}, []
        for ports in clocks:
            # As in an array of units, registers and operands change together, right after a clock edge.
            changes = dict(registers)
            for name, bits in ports.items():
                changes.update((self.number[net], new) for net, new in zip(self.ports[name], bits))
            before = list(value)
            self.settle(value, changes, mask, moved)
            for net, old in enumerate(before):
                settled[net] += (old ^ value[net]).bit_count()
            registers = {q: value[d] for q, d in self.flip_flops}
            sums.append([registers.get(self.number[net], value[self.number[net]]) for net in self.ports.get("sum", [])])
        return self.energy(moved, settled, len(clocks) * lanes), sums

    def quiet(self, mask):
        """All ports and registers at zero."""
        value = [0] * len(self.number)
        if "1" in self.number:
            value[self.number["1"]] = mask
        changed = True
        while changed:
            changed = False
            for out, function, inputs, _ in self.gates:
                new = function(mask, *[value[net] for net in inputs])
                changed = changed or new != value[out]
                value[out] = new
        return value

    def settle(self, value, changes, mask, moved):
        """Applies {net: value} at time 0 and runs until nothing moves. Delays are inertial: a gate whose output was going to
        change and whose inputs now say otherwise does not move at all, so that pulses shorter than a gate's delay die in it."""
        coming = [{} for _ in value]  # of a net: {time: lanes that will turn over}
        target = list(value)          # what it will then be
        queue, times = {0: []}, [0]
        for net, new in changes.items():
            coming[net][0] = value[net] ^ new
            target[net] = new
            queue[0].append(net)
        while times:
            now = heapq.heappop(times)
            touched = {}
            for net in queue.pop(now):
                lanes = coming[net].pop(now)
                if lanes:
                    moved[net] += lanes.bit_count()
                    value[net] ^= lanes
                    touched.update((gate[0], gate) for gate in self.readers[net])
            for out, function, inputs, delay in touched.values():
                new = function(mask, *[value[net] for net in inputs])
                turning = new ^ target[out]
                if not turning:
                    continue
                target[out] = new
                for time, lanes in coming[out].items():
                    both = lanes & turning
                    if both:  # turned over twice: not at all
                        coming[out][time] = lanes ^ both
                        turning ^= both
                if turning:
                    coming[out][now + delay] = turning
                    if now + delay not in queue:
                        queue[now + delay] = []
                        heapq.heappush(times, now + delay)
                    queue[now + delay].append(out)

    def energy(self, moved, settled, count):
        result = Energy(clock=self.clock_energy)
        for net, (on_net, inside) in enumerate(zip(self.net_energy, self.internal_energy)):
            if net not in self.clock_nets:
                result.nets += moved[net] * on_net / count
                result.internal += moved[net] * inside / count
                result.settled += settled[net] * (on_net + inside) / count
        return result
