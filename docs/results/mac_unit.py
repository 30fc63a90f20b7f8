#!/usr/bin/env python3
"""Sets docs/results/mac_unit.md and its pictures from mac_unit.json (make_mac_unit.sh runs it).

    mac_unit.py FOLDER           the folder of mac_unit.json; writes mac_unit.md and mac_unit/*.svg there
    mac_unit.py --check FOLDER   fails where they, or the sentences of README.md and papers.md, have other figures than mac_unit.json
"""
import html
import json
import pathlib
import sys

PAPER_AREA, PAPER_POWER = 1.93, 2.56  # Lee et al. 2023, Table 2
# µm² of the dINT4 unit with the decoders that were given up (Yosys 0.23, the script of kernels/rtl/measure/synthesis.py). They are
# not in the repository; the page says what they did.
EARLIER_DECODERS = (15328, 14997)

INK, FAINT, PAPER = "#1f2430", "#8a93a6", "#ffffff"
FILL = {"port": "#ffffff", "logic": "#eef1f6", "dint": "#fde7c8", "register": "#d7e6fb"}
BOX_WIDTH, BOX_HEIGHT, COLUMN, ROW, LEFT, TOP = 124, 44, 172, 70, 16, 44


def text(x, y, words, size=12, anchor="middle", colour=INK, weight="normal"):
    return (f'<text x="{x:g}" y="{y:g}" font-family="Inter, Helvetica, Arial, sans-serif" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">{html.escape(words)}</text>')


def picture(width, height, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
            f'<rect width="100%" height="100%" fill="{PAPER}"/><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" '
            f'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>')
    return head + "".join(parts) + "</svg>\n"


class DataPath:
    """Boxes on a grid and lines between them; a line carries its number of bits."""

    def __init__(self, title):
        self.title, self.boxes, self.lines, self.loops = title, {}, [], []

    def box(self, name, column, row, label, kind="logic"):
        self.boxes[name] = (column, row, label, kind)
        return self

    def line(self, source, target, bits=""):
        self.lines.append((source, target, bits))
        return self

    def loop(self, source, target, bits=""):
        self.loops.append((source, target, bits))
        return self

    def place(self, name):
        column, row, _, _ = self.boxes[name]
        return LEFT + column * COLUMN, TOP + row * ROW

    def svg(self):
        columns = 1 + max(box[0] for box in self.boxes.values())
        rows = 1 + max(box[1] for box in self.boxes.values())
        parts = [text(LEFT, 22, self.title, 15, "start", weight="600")]
        arriving = {name: [line for line in self.lines if line[1] == name] for name in self.boxes}
        for name, lines in arriving.items():
            lines.sort(key=lambda line: self.place(line[0])[1])
            for i, (source, _, bits) in enumerate(lines):
                x1, y1 = self.place(source)
                x2, y2 = self.place(name)
                x1, y1 = x1 + BOX_WIDTH, y1 + BOX_HEIGHT / 2
                y2 += BOX_HEIGHT * (i + 1) / (len(lines) + 1)
                middle = x2 - 30 + 10 * i
                if abs(y1 - y2) < 8:
                    y1 = y2
                parts.append(f'<path d="M{x1:g} {y1:g}H{middle:g}V{y2:g}H{x2 - 1:g}" fill="none" stroke="{INK}" '
                             f'stroke-width="1.3" marker-end="url(#tip)"/>')
                parts.append(text(x1 + 9, y1 - 5, bits, 10, "middle", FAINT))
        for source, target, bits in self.loops:
            x1, y1 = self.place(source)
            x2, _ = self.place(target)
            over = y1 - 14
            parts.append(f'<path d="M{x1 + BOX_WIDTH / 2:g} {y1:g}V{over:g}H{x2 + BOX_WIDTH / 2:g}V{y1 - 1:g}" fill="none" '
                         f'stroke="{INK}" stroke-width="1.3" marker-end="url(#tip)"/>')
            parts.append(text((x1 + x2 + BOX_WIDTH) / 2, over - 4, bits, 10, "middle", FAINT))
        for name, (_, _, label, kind) in self.boxes.items():
            x, y = self.place(name)
            radius = 20 if kind == "port" else 3
            parts.append(f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="{radius}" '
                         f'fill="{FILL[kind]}" stroke="{INK}" stroke-width="1.2"/>')
            if kind == "register":  # the clock's triangle
                parts.append(f'<path d="M{x + 6:g} {y + BOX_HEIGHT:g}l5 -8l5 8z" fill="none" stroke="{INK}"/>')
            words = label.split("\n")
            for i, line in enumerate(words):
                parts.append(text(x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2 + 4 + 14 * (i - (len(words) - 1) / 2), line))
        return picture(2 * LEFT + (columns - 1) * COLUMN + BOX_WIDTH, TOP + (rows - 1) * ROW + BOX_HEIGHT + 14, parts)


def ending(path, column, row, source, bits):
    """The accumulator, the same for every integer unit."""
    path.box("add", column, row, "+").box("sum", column + 1, row, "sum", "register")
    return path.line(source, "add", bits).line("add", "sum", "32").loop("sum", "add", "32, or 0 at start")


def data_paths():
    integer = DataPath("INT8 × INT8")
    integer.box("w", 0, 0, "weight code", "port").box("middle", 1, 0, "− 128\n(top bit over)")
    integer.box("x", 0, 1, "activation", "port").box("times", 2, 0, "8 × 8 bits,\nsigned")
    integer.line("w", "middle", "8").line("middle", "times", "8").line("x", "times", "8")
    yield "int8_int8", ending(integer, 3, 0, "times", "16")

    four = DataPath("INT4 × INT8")
    four.box("w", 0, 0, "weight code", "port").box("middle", 1, 0, "− 8\n(top bit over)")
    four.box("x", 0, 1, "activation", "port").box("times", 2, 0, "8 × 4 bits,\nsigned")
    four.line("w", "middle", "4").line("middle", "times", "4").line("x", "times", "8")
    yield "int4_int8", ending(four, 3, 0, "times", "12")

    dint = DataPath("dINT4 × INT8: half steps from the middle of the range")
    dint.box("w", 0, 0, "weight code", "port").box("special", 1, 0, "14 or 15?", "dint")
    dint.box("zero", 0, 1, "zero point", "register").box("choose", 2, 0, "zero point if\nspecial, else code", "dint")
    dint.box("middle", 3, 0, "− 7, and − 1\nif code is 15", "dint").box("half", 4, 0, "append\n“special”", "dint")
    dint.box("x", 0, 2, "activation", "port").box("times", 5, 0, "8 × 5 bits,\nsigned")
    dint.line("w", "special", "4").line("special", "choose", "5").line("zero", "choose", "4").line("choose", "middle", "4")
    dint.line("middle", "half", "4").line("half", "times", "5").line("x", "times", "8")
    yield "dint4_int8", ending(dint, 6, 0, "times", "13")

    dgq = DataPath("DGQ: INT4 expanded to INT8 in front of INT8 × INT8")
    dgq.box("w", 0, 0, "weight code", "port").box("zero", 0, 1, "group's\nzero point", "register")
    dgq.box("scale", 0, 2, "group's scale", "register").box("minus", 1, 0, "−").box("expand", 2, 0, "8 × 5 bits,\nsigned")
    dgq.box("x", 0, 3, "activation", "port").box("times", 3, 0, "8 × 8 bits,\nsigned")
    dgq.line("w", "minus", "4").line("zero", "minus", "4").line("minus", "expand", "5").line("scale", "expand", "8")
    dgq.line("expand", "times", "8").line("x", "times", "8")
    yield "dgq_int4_int8", ending(dgq, 4, 0, "times", "16")

    eight = DataPath("FP8 E4M3 × FP8 E4M3: the sum is a float32")
    eight.box("w", 0, 0, "weight bits", "port").box("x", 0, 1, "activation bits", "port")
    eight.box("times", 1, 0, "4 × 4 bits,\nsignificands").box("plus", 1, 1, "add exponents")
    eight.box("normal", 2, 0, "normalize").box("align", 3, 0, "order and align\n27 bits")
    eight.box("add", 4, 0, "±").box("round", 5, 0, "normalize,\nround to even").box("sum", 6, 0, "sum (float32)", "register")
    eight.line("w", "times", "4").line("x", "times", "4").line("w", "plus").line("x", "plus")
    eight.line("times", "normal", "8").line("plus", "normal", "5").line("normal", "align", "32").line("align", "add", "27")
    eight.line("add", "round", "28").line("round", "sum", "32").loop("sum", "align", "32, or 0 at start")
    yield "fp8_fp8", eight

    four = DataPath("FP4 E2M1 × FP4 E2M1: quarters of a step, an integer sum")
    four.box("w", 0, 0, "weight bits", "port").box("x", 0, 1, "activation bits", "port")
    four.box("times", 1, 0, "2 × 2 bits,\nsignificands").box("plus", 1, 1, "add exponents")
    four.box("shift", 2, 0, "shift by 0..4").box("sign", 3, 0, "negate if\nsigns differ")
    four.line("w", "times", "2").line("x", "times", "2").line("w", "plus").line("x", "plus")
    four.line("times", "shift", "4").line("plus", "shift", "3").line("shift", "sign", "8")
    yield "fp4_fp4", ending(four, 4, 0, "sign", "9")


def bars(rows):
    """Area and power of every unit beside INT8 x INT8."""
    largest = max(row["with_accumulator"]["relative"][name] for row in rows for name in ("area", "power"))
    width, height, label = 860, 46 + 46 * len(rows), 250
    scale = (width - label - 90) / max(largest, 1)
    parts = [text(12, 22, "One unit, relative to INT8 × INT8 (32-bit accumulator included)", 15, "start", weight="600")]
    parts.append(f'<path d="M{label + scale:g} 34V{height - 8}" stroke="{FAINT}" stroke-dasharray="3 3"/>')
    for i, row in enumerate(rows):
        y = 44 + 46 * i
        parts.append(text(label - 10, y + 18, row["title"], 12, "end"))
        for j, (name, colour) in enumerate((("area", "#3b6fb6"), ("power", "#d98324"))):
            value = row["with_accumulator"]["relative"][name]
            parts.append(f'<rect x="{label}" y="{y + 15 * j}" width="{value * scale:g}" height="13" fill="{colour}"/>')
            parts.append(f'<rect x="{label + value * scale + 3:g}" y="{y + 15 * j}" width="70" height="13" fill="{PAPER}"/>')
            parts.append(text(label + value * scale + 6, y + 11 + 15 * j, f"{name} {value:.2f}", 11, "start"))
    return picture(width, height, parts)


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + "|".join(["---"] + ["---:"] * (len(headings) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def saving(value):
    return f"{1 / value:.2f}"


def span(values, digits=2):
    return f"{min(values):,.{digits}f} to {max(values):,.{digits}f}"


def page(measured):
    units = {row["unit"]: row for row in measured["units"]}
    shown = [row for row in measured["units"] if row["weights"]]  # the program's own table
    reference = measured["reference"]

    def relative(unit, part, name):
        return units[unit][part]["relative"][name]

    def figures(part):
        return [[row["title"], f"{row[part]['area']:,.0f}", f"{row[part]['relative']['area']:.3f}",
                 f"{row[part]['relative']['transistors']:.3f}", f"{row[part]['relative']['power']:.3f}",
                 f"{row[part]['relative']['power_without_glitches']:.3f}",
                 f"{row[part]['relative']['power_random_operands']:.3f}"] for row in measured["units"]]

    headings = ["unit", "area, µm²", "area", "transistors", "power", "power, no glitches", "power, random operands"]
    against = [["dINT4 × INT8 of Lee et al. 2023, Table 2 (7 nm, 1 GHz)", f"{PAPER_AREA}", f"{PAPER_POWER}"]]
    for title, unit, part in (("dINT4 × INT8, here", "dint4_int8", "with_accumulator"),
                              ("… without the accumulator", "dint4_int8", "without_accumulator"),
                              ("dINT4 × INT8 for symmetric channels only", "dint4_int8_symmetric", "with_accumulator"),
                              ("… without the accumulator", "dint4_int8_symmetric", "without_accumulator"),
                              ("INT4 × INT8", "int4_int8", "with_accumulator"),
                              ("… without the accumulator", "int4_int8", "without_accumulator")):
        against.append([title, saving(relative(unit, part, "area")), saving(relative(unit, part, "power"))])
    shares = [[row["title"], f"{row['with_accumulator']['share_of_energy']['clock']:.0%}",
               f"{row['with_accumulator']['share_of_energy']['glitches']:.0%}",
               str(row["with_accumulator"]["flip_flops"]), str(row["with_accumulator"]["cells"])] for row in measured["units"]]

    # Areas by script and powers by delay model, each with the method's own in the first row.
    scripts = [("as measured above", {unit: row["with_accumulator"]["area"] for unit, row in units.items()})]
    scripts += [(row["title"], row["area"]) for row in measured["other_choices"]["synthesis"]]
    by_script = {unit: [area[unit] / area[reference] for _, area in scripts] for unit in units}
    delays = [("as measured above", {unit: relative(unit, "with_accumulator", "power_random_operands") for unit in units})]
    delays += [(row["title"], row["power"]) for row in measured["other_choices"]["delays"]]
    by_delay = {unit: [power[unit] for _, power in delays] for unit in units}
    unit_headings = [row["title"] for row in shown]
    script_rows = [[title] + [f"{area[row['unit']] / area[reference]:.3f}" for row in shown] for title, area in scripts]
    delay_rows = [[title] + [f"{power[row['unit']]:.3f}" for row in shown] for title, power in delays]
    float_areas = [area["fp8_fp8"] for _, area in scripts]

    accumulator = units["int8_int8"]["with_accumulator"]["area"] - units["int8_int8"]["without_accumulator"]["area"]
    share = accumulator / units["int8_int8"]["with_accumulator"]["area"]
    dint, int4 = units["dint4_int8"]["without_accumulator"], units["int4_int8"]["without_accumulator"]
    dint_area = units["dint4_int8"]["with_accumulator"]["area"]
    symmetric = units["dint4_int8_symmetric"]["without_accumulator"]
    operands = measured["operands"]
    return f"""# What a format costs in hardware

Lee et al. 2023 (section 4.3, Table 2) give a dINT4 × INT8 multiply-accumulate unit {PAPER_AREA} times less area and {PAPER_POWER} times less
power than INT8 × INT8, in a commercial 7 nm process at 1 GHz. Here are units for the same and other pairs of formats, written for
this project (`kernels/rtl`, SystemVerilog), what they take in a real process that is free, and why the ratios are not the paper's.
**dINT4 × INT8 takes {saving(relative('dint4_int8', 'with_accumulator', 'area'))} times less area and {saving(relative('dint4_int8', 'with_accumulator', 'power'))} times less power here; without the accumulator {saving(dint['relative']['area'])} and {saving(dint['relative']['power'])} times less.**

`docs/results/make_mac_unit.sh` makes this page, its pictures and `mac_unit.json` again; `packaging/test.sh --rtl` checks the units
bit by bit against the CPU, the areas and the powers on random operands against the JSON, and this page against it. The program shows the two columns
*area* and *power* of the first table (`graticule-cli formats`, the recipe form, the what-if card, the Pareto plot); a test holds its
table and the JSON together.

![area and power of every unit](mac_unit/units.svg)

## Results

Relative to INT8 × INT8, **32-bit accumulator included**:

{table(headings, figures("with_accumulator"))}

The **product alone**, without accumulator (decoding, multiplier and, for dINT and DGQ, the registers of the constants):

{table(headings, figures("without_accumulator"))}

What the energy goes into, and what the units are made of (accumulator included):

{table(["unit", "clock", "glitches", "flip-flops", "cells"], shares)}

## Against the paper

How many times less than INT8 × INT8:

{table(["", "area", "power"], against)}

Our ratios are smaller. Nothing was tuned towards the paper. What in the method could cause the difference (the first two are measured here,
the others are not):

- **The accumulator.** Ours is 32 bits in every unit and {share:.0%} of the INT8 unit's area. The paper does not say how wide its own is
  or whether it is counted. INT4 × INT8, which knows no specials at all, saves {saving(int4['relative']['area'])} in area without the accumulator and
  {saving(relative('int4_int8', 'with_accumulator', 'area'))} with it: no 4-bit unit with our accumulator comes near {PAPER_AREA}.
- **The zero point.** The specials are half a step from true zero, so a unit for asymmetric channels must hold the channel's zero point
  ({dint['flip_flops']} flip-flops, a multiplexer and a small subtractor), and its operand has five bits instead of four. The paper says nothing of the
  zero point. With symmetric channels alone the multiplier is that of INT4 × INT8, and the saving of the product grows from
  {saving(dint['relative']['area'])} to {saving(symmetric['relative']['area'])} in area.
- **The clock.** The paper's units meet 1 GHz. A tool that has to meet a clock spends area on the longest path first, which is the 8 × 8
  multiplier's; ours are as small as they can be, at no particular speed. That favours INT8 × INT8 here.
- **The multiplier.** Design Compiler chooses among multipliers (Booth, Wallace); ours is an array of full adders in every unit.
- **The process.** Wires, leakage and the weight of flip-flops against logic are those of 0.18 µm without wires here, and of 7 nm there.
- **Power.** The paper does not say with which operands its power was found. Ours are real, and {units['int8_int8']['with_accumulator']['share_of_energy']['glitches']:.0%} of the INT8 unit's energy is
  glitches, whose number depends on the delays that a method assumes; the column without them shows what is left.

DGQ's expansion stands in front of every unit here. An array would share one expansion among all units of a row, which use the same
weight: its cost then falls towards that of INT8 × INT8. FP8's unit is mostly its float32 accumulator, which has to align, normalize and
round; the product alone is smaller than INT8's.

## How much hangs on the method

Area relative to INT8 × INT8, accumulator included, by what the synthesis script could have been instead:

{table(["script"] + unit_headings, script_rows)}

Power relative to INT8 × INT8 on random operands, accumulator included, by what could have been assumed of the gates' delays:

{table(["delays"] + unit_headings, delay_rows)}

- **dINT4 × INT8** takes {span(by_script['dint4_int8'])} of INT8's area and {span(by_delay['dint4_int8'])} of its power: the second digit is the method's.
- **FP8 is the least certain.** Its unit takes {span(float_areas, 0)} µm² by these scripts ({span(by_script['fp8_fp8'])} times INT8's), and runs during
  development, with other texts of the same circuit, gave 34,000 to 47,400; its power is {span(by_delay['fp8_fp8'], 1)} times INT8's by the delay model.
- **Three forms of the dINT decoder were tried and the smallest kept.** The two earlier ones, which do the same, by the script of this page:
  subtract the zero point first (an operand of six bits), {EARLIER_DECODERS[0]:,} µm² for the whole dINT4 unit; shift the product instead of the operand, as the
  paper words it, {EARLIER_DECODERS[1]:,}; the present form {dint_area:,.0f}. INT8 × INT8 had no such rounds: it is the multiplier that all integer units share
  (`signed_product.sv`). That favours dINT here, by up to {EARLIER_DECODERS[0] / dint_area - 1:.0%}.

## Data paths

Blue: registers. Orange: what dINT adds. Numbers are bits. `kernels/rtl/mac_int8_int8.sv` explains the ports.

![INT8 x INT8](mac_unit/int8_int8.svg)

![INT4 x INT8](mac_unit/int4_int8.svg)

![dINT4 x INT8](mac_unit/dint4_int8.svg)

dINT3 is the same with one bit less. Why the middle of the range and not the zero point: seen from the lattice's origin the specials are
at zero ± 1/2, so all codes count from one origin, and the zero point is taken off after the sum, with the sum of the inputs, as for INT.

![DGQ](mac_unit/dgq_int4_int8.svg)

![FP8](mac_unit/fp8_fp8.svg)

![FP4](mac_unit/fp4_fp4.svg)

## Method, and its limits

- **Units.** One pair of operands per clock, a registered 32-bit sum, the same ports. Operands come from registers that are not counted.
- **What follows the sum is not counted**: multiplying by the scales, and taking off the rest of a zero point. With a scale per channel this
  happens once per output. With groups (`g128`, NVFP4's blocks of 16) it happens once per group and ends in an addition of floats, so that the figure
  of a pair, which the program shows for every grain, is then too low. Only DGQ's group scales are inside its unit.
- **Correct.** Every pair of codes through every multiplier (with every zero point; for DGQ every zero point and scale that it allows),
  200,000 random terms per unit in sums started at random, whole outputs of random codes and of both sample models' linears against the CPU's integer row; the float unit with C's
  float32 addition, bit for bit. The synthesized netlists are simulated as well, on the sample models' operands, with the same sums.
- **Area.** {measured['tools']['yosys']} and ABC, for {measured['tools']['library']}: the standard cells of Oklahoma State University for
  TSMC's 0.18 µm process, areas from their Liberty file, transistors from their netlists. Every bit of an adder is a full-adder cell and carries
  ripple (`kernels/rtl/measure/adders.v`); ABC maps the rest for area, without a clock to meet. No wires, no placement, no clock tree, no scan.
- **Power.** Gates are simulated between clock edges with the library's delays at their actual loads, pulses shorter than a gate's delay die in
  it. A transition of a net costs 1/2 C V² of the pins that it drives plus the cells' internal energy from the library's tables; flip-flops pay for both clock
  edges. No wires, no leakage, no clock gating. Only the ratio means anything: energy per clock against INT8 × INT8's, at the same rate.
- **Operands.** {operands['lanes']:,} streams of {operands['clocks'] - 1} pairs: 16 outputs of every linear of sample-opt and sample-llama, in the order of the input channels,
  weights as the engine quantizes them (`w=…/asym/channel a=int8/sym/token`; DGQ with groups of 64; E4M3 symmetric per channel; E2M1 in groups
  of 16), inputs from calibration. *Random operands*: every bit at random.
"""


def files_of(measured):
    """{path in the folder: text}"""
    files = {f"mac_unit/{name}.svg": path.svg() for name, path in data_paths()}
    files["mac_unit/units.svg"] = bars([row for row in measured["units"] if row["weights"]])
    return files | {"mac_unit.md": page(measured)}


def sentences_elsewhere(measured):
    """What other pages say of dINT4, written by hand: (page, words)."""
    dint = next(row for row in measured["units"] if row["unit"] == "dint4_int8")
    (area, power), (area_alone, power_alone) = ((saving(dint[part]["relative"]["area"]), saving(dint[part]["relative"]["power"]))
                                                for part in ("with_accumulator", "without_accumulator"))
    return [("../../README.md", f"dINT4 × INT8 takes {area} times less area and {power} times less power, "
                                f"where Lee et al. give {PAPER_AREA} and {PAPER_POWER}"),
            ("papers.md", f"{area} and {power} times less, and {area_alone} and {power_alone} without the accumulator")]


def check(folder, measured):
    wrong = [f"{name} is not what mac_unit.json gives" for name, made in files_of(measured).items()
             if (folder / name).read_text() != made]
    wrong += [f"{page_name} does not say: {words}" for page_name, words in sentences_elsewhere(measured)
              if words not in " ".join((folder / page_name).read_text().split())]
    sys.exit("\n".join(wrong) if wrong else 0)


def main():
    folder = pathlib.Path(sys.argv[-1])
    measured = json.loads((folder / "mac_unit.json").read_text())
    if sys.argv[1] == "--check":
        check(folder, measured)
    (folder / "mac_unit").mkdir(exist_ok=True)
    for name, made in files_of(measured).items():
        (folder / name).write_text(made)


main()
