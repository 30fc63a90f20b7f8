#!/usr/bin/env python3
"""Measures the tables of docs/results with graticule-cli: one evaluation a recipe, paired against full precision, nothing tuned.

    docs/results/make_results.py papers  --cli build/bin/graticule-cli --text wiki.test.raw --calib wiki.valid.raw
    docs/results/make_results.py smollm2 --cli ... --model SmolLM2.gguf --text ... --calib ... --windows 24 --window 1024
    docs/results/make_results.py outside --cli ... --fixtures fixtures --text ... --calib ...

Prints Markdown. Every run's JSON is kept in --keep, so that a table can be set again without running it again.
"""
import argparse
import concurrent.futures
import contextlib
import hashlib
import io
import json
import math
import pathlib
import subprocess
import sys
import time

INT4_CHANNEL_A8 = "w=int4/asym/channel a=int8/asym/token v=int4/asym/channel"
DINT4_CHANNEL_A8 = "w=dint4/asym/channel a=int8/asym/token v=dint4/asym/channel"


class Runs:
    """Evaluations, each made once."""

    def __init__(self, args):
        self.args = args
        self.folder = pathlib.Path(args.keep)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.planned = None  # while planning: the evaluations that the tables will ask for

    def run_ahead(self, tables):
        """Makes the evaluations of `tables` with --jobs processes at a time, so that setting the tables finds them all."""
        self.planned = {}
        with contextlib.redirect_stdout(io.StringIO()):
            tables(self)
        planned, self.planned = list(self.planned), None
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            list(pool.map(lambda key: self.evaluate(*key), planned))

    def evaluate(self, model, recipe, window=None, calibration=(32, 512), windows=None):
        window = window or self.args.window
        windows = self.args.windows if windows is None else windows
        if self.planned is not None:
            self.planned[(model, recipe, window, calibration, windows)] = None
            return None
        command = [self.args.cli, "eval", model, "--text", self.args.text, "--window", str(window), "--device", self.args.device,
                   "--precision", "float32", "--json"]
        if windows:
            command += ["--windows", str(windows)]
        if recipe:
            command += ["--recipe", recipe, "--calib", self.args.calib, "--calib-samples", str(calibration[0]),
                        "--calib-length", str(calibration[1])]
        key = hashlib.sha256(" ".join(command[1:]).encode()).hexdigest()[:16]
        kept = self.folder / f"{key}.json"
        if not kept.exists():
            start = time.time()
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                print(f"{' '.join(command)}: exit code {result.returncode}: {result.stdout}{result.stderr[-600:]}", file=sys.stderr)
                return None
            value = json.loads(result.stdout)
            value["wall_seconds"] = time.time() - start
            kept.write_text(json.dumps(value))
            print(f"{model} {recipe or 'full precision'} {window}: {value['perplexity']:.3f} in {value['wall_seconds']:.1f} s",
                  file=sys.stderr)
        return json.loads(kept.read_text())


def difference(base, other):
    """Perplexity difference and the half width of its 95 % interval, paired over windows (delta method)."""
    pairs = [b - a for a, b in zip(base["window_losses"], other["window_losses"])]
    n = len(pairs)
    mean = sum(pairs) / n
    spread = math.sqrt(sum((d - mean) ** 2 for d in pairs) / (n - 1) / n) if n > 1 else float("nan")
    return other["perplexity"] - base["perplexity"], 1.96 * spread * other["perplexity"]


def cell(runs, model, recipe, window=None, calibration=(32, 512)):
    base = runs.evaluate(model, None, window)
    run = runs.evaluate(model, recipe, window, calibration)
    if base is None or run is None:
        return "not run"
    if not recipe:
        return f"{run['perplexity']:.2f} ± {run['standard_error']:.2f}"
    delta, half = difference(base, run)
    return f"{run['perplexity']:.2f} ({delta:+.2f} ± {half:.2f})"


def table(runs, title, note, models, rows, window=None, calibration=(32, 512)):
    print(f"\n## {title}\n\n{note}\n")
    print("| | recipe | " + " | ".join(pathlib.Path(m).stem for m in models) + " |")
    print("|---|---|" + "---|" * len(models))
    for label, recipe in rows:
        cells = [cell(runs, m, recipe, window, calibration) for m in models]
        print(f"| {label} | {'`' + recipe + '`' if recipe else ''} | " + " | ".join(cells) + " |", flush=True)


def scaling_rows(width):
    int_line = INT4_CHANNEL_A8.replace("4", str(width), 1) if width != 4 else INT4_CHANNEL_A8
    yield "full precision", None
    for label, term in (("none", ""), ("SmoothQuant", " smoothquant:alpha=0.5"), ("AWQ", " awq"), ("AQAS", " aqas clip")):
        yield f"{label}, INT4", int_line + term
        yield f"{label}, GPTQ, INT4", int_line + term + " gptq"
    yield "AQAS, dINT4", DINT4_CHANNEL_A8 + " aqas clip"
    yield "AQAS, GPTQ, dINT4", DINT4_CHANNEL_A8 + " aqas clip gptq"


DGQ_ROWS = [
    ("full precision", None),
    ("RTN g128, A8 per token", "w=int4/asym/g128 a=int8/sym/token"),
    ("SmoothQuant g128, A8 per token", "w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5"),
    ("dual grain by plain rounding, A8 per token", "w=int4/asym/dual128 a=int8/sym/token"),
    ("DGQ dynamic", "w=int4/asym/dual128 a=int8/sym/token dgq"),
    ("DGQ dynamic, percentile clipping", "w=int4/asym/dual128 a=int8/sym/token percentile dgq"),
    ("DGQ static, percentile clipping", "w=int4/asym/dual128 a=int8/sym/tensor/static percentile dgq"),
    ("DGQ static with q, k and v, percentile clipping (the script's setting)", "dgq-a8w4-static"),
    ("A8 static, group-wise (ablation S+GW)", "w=int4/asym/g128 a=int8/sym/tensor/static percentile"),
    ("A8 static, channel-wise (S+CW)", "w=int4/asym/channel a=int8/sym/tensor/static percentile"),
    ("A8 dynamic, channel-wise (D+CW)", "w=int4/asym/channel a=int8/sym/token percentile"),
]
W4A4_ROWS = [("full precision", None)] + [
    (f"{name} groups of {g}" if g != "none" else f"{name}, per channel and token", f"w=int4/asym/{wg} a=int4/sym/{ag}{term}")
    for g, wg, ag in (("32", "g32", "g32"), ("64", "g64", "g64"), ("128", "g128", "g128"), ("none", "channel", "token"))
    for name, term in (("RTN", ""), ("AWQ", " awq"))
]
MIXED_ROWS = [("full precision", None)] + [
    (f"{p} % of channels in 16 bit{', SmoothQuant' if smooth else ''}",
     f"w=int4/asym/channel a=int4/sym/token{smooth} keep:percent={p}" if p else f"w=int4/asym/channel a=int4/sym/token{smooth}")
    for smooth in ("", " smoothquant:alpha=0.5") for p in (0, 1, 5, 10, 25, 50, 75, 90, 95)
]
WIDTH_ROWS = [("full precision", None)] + [
    (label, line) for label, line in (
        ("W8A8", "w=int8/sym/channel a=int8/sym/token"), ("W6A16", "w=int6/asym/g128"), ("W5A16", "w=int5/asym/g128"),
        ("W4A16", "w=int4/asym/g128"), ("W3A16", "w=int3/asym/g128"), ("W2A16", "w=int2/asym/g128"),
        ("W4A8", "w=int4/asym/g128 a=int8/sym/token"), ("W4A6", "w=int4/asym/g128 a=int6/sym/g128"),
        ("W4A4", "w=int4/asym/g128 a=int4/sym/g128"), ("W16A8", "a=int8/sym/token"), ("W16A4", "a=int4/sym/g128"),
        ("W FP4, A FP8", "w=fp4_e2m1/sym/g128 a=fp8_e4m3/sym/token"))
]
DINT_ROWS = [("full precision", None)] + [
    (f"{fmt.upper() if fmt[0] != 'd' else 'dINT' + fmt[-1]} {grain}, {name}", f"w={fmt}/asym/{grain}{term}")
    for grain in ("g128", "channel") for bits in (4, 3)
    for name, term in (("RTN", ""), ("GPTQ", " gptq"), ("AWQ", " awq clip"), ("AQAS", " aqas clip"))
    for fmt in (f"int{bits}", f"dint{bits}")
]


def slac(runs, model):
    print(f"\n## SLAC: calibration length against evaluation length, {pathlib.Path(model).stem}\n\n"
          "GPTQ on W4A8 per channel (`w=int4/asym/channel a=int8/asym/token aqas clip gptq`), calibrated on 16,384 tokens cut to the "
          "length in the first column; perplexity by length of the evaluated windows.\n")
    lengths = (128, 512, 2048)
    print("| calibrated at | " + " | ".join(f"evaluated at {n}" for n in lengths) + " |\n|---|" + "---|" * len(lengths))
    recipe = "w=int4/asym/channel a=int8/asym/token aqas clip gptq"
    print("| full precision | " + " | ".join(cell(runs, model, None, n) for n in lengths) + " |")
    for length in (64, 128, 512, 2048):
        cells = [cell(runs, model, recipe, n, (16384 // length, length)) for n in lengths]
        print(f"| {length} | " + " | ".join(cells) + " |", flush=True)


def papers(runs):
    models = ["sample-opt", "sample-llama"]
    table(runs, "AQAS, table 3: W4A8V4 per channel", "Weights and Value 4 bits per channel, inputs INT8 per token, asymmetric.", models,
          list(scaling_rows(4)))
    table(runs, "DGQ, tables 2, 4 and 5: A8W4", "Groups of 128; dual grain: INT8 scale a group, float scale a channel.", models, DGQ_ROWS)
    table(runs, "W4A4 in groups", "Weights and activations 4 bits with the same group size.", models, W4A4_ROWS)
    table(runs, "Mixed precision W4A4", "The channels of largest activations stay in 16 bits.", models, MIXED_ROWS)
    table(runs, "Width sweep", "Plain rounding.", models, WIDTH_ROWS)
    table(runs, "dINT against INT, weight only", "Each rounding method, 4 and 3 bits.", models, DINT_ROWS)
    slac(runs, "sample-llama")
    slac(runs, "sample-opt")


def smollm2(runs):
    model = runs.args.model
    rows = [("as stored", None)]
    for fmt in ("int4", "dint4", "int3", "dint3"):
        for grain in ("channel", "g64"):
            rows.append((f"{fmt} {grain}, RTN", f"w={fmt}/asym/{grain}"))
    for term in (" gptq", " awq clip", " aqas clip"):
        rows += [(f"{fmt} g64,{term}", f"w={fmt}/asym/g64{term}") for fmt in ("int4", "dint4", "int3", "dint3")]
    rows.append(("DGQ dual grain 64", "w=int4/asym/dual64 dgq"))
    table(runs, "Weight only", "Embedding and head as stored.", [model], rows)
    a8 = "a=int8/sym/token"
    rows = [("as stored", None), ("W8A8", f"w=int8/sym/channel {a8}"),
            ("W8A8 SmoothQuant", f"w=int8/sym/channel {a8} smoothquant:alpha=0.5"), ("RTN", f"w=int4/asym/g64 {a8}"),
            ("SmoothQuant", f"w=int4/asym/g64 {a8} smoothquant:alpha=0.5"), ("AWQ", f"w=int4/asym/g64 {a8} awq clip"),
            ("AQAS", f"w=int4/asym/g64 {a8} aqas clip"), ("GPTQ", f"w=int4/asym/g64 {a8} gptq"),
            ("AQAS + GPTQ", f"w=int4/asym/g64 {a8} aqas clip gptq"), ("dINT4 RTN", f"w=dint4/asym/g64 {a8}"),
            ("AQAS + GPTQ, dINT4", f"w=dint4/asym/g64 {a8} aqas clip gptq"), ("DGQ", f"w=int4/asym/dual64 {a8} dgq"),
            ("DGQ, percentile", f"w=int4/asym/dual64 {a8} percentile dgq")]
    table(runs, "W4A8", "Inputs INT8 per token.", [model], rows)
    a4 = "w=int4/asym/g64 a=int4/sym/g64"
    token = "w=int4/asym/channel a=int4/sym/token"
    rows = [("as stored", None), ("groups of 64", a4), ("groups of 64, AWQ", a4 + " awq"), ("groups of 64, AQAS", a4 + " aqas"),
            ("per channel and token", token)]
    rows += [(f"per channel and token, {p} % in 16 bit", f"{token} keep:percent={p}") for p in (1, 10, 50)]
    table(runs, "W4A4", "Inputs INT4.", [model], rows)


# What independent programs measured (the fixture's names), as recipes. A name without a recipe is a setting that no recipe says:
# the reason stands in its place.
A8_TOKEN, A8_TOKEN_SYM = "a=int8/asym/token", "a=int8/sym/token"
CHANNEL, G128, DUAL = "w=int4/asym/channel", "w=int4/asym/g128", "w=int4/asym/dual128"
AWQ_CLIP = "awq:mode=paper clip:quantize_inputs=false"
NO_RECIPE = "AQAS' scales judged by weights alone: no method of the papers"
ONE_OF_TWO = "`mode=paper` and the default differ in this and in s = 1 at once"
OUTSIDE_ALL = {
    "GPTQ W4 asym g128": f"{G128} gptq:mode=paper",
    "GPTQ W4A8 asym g128/token sym": f"{G128} {A8_TOKEN_SYM} gptq:mode=paper",
    "GPTQ W4 asym channel": f"{CHANNEL} gptq:mode=paper",
    "GPTQ W3 asym g128": "w=int3/asym/g128 gptq:mode=paper",
    "GPTQ W4 asym g128 actorder static_groups": f"{G128} gptq:act_order=true,static_groups=true,mode=paper",
    "GPTQ W4 sym g128": "w=int4/sym/g128 gptq:range=full,mode=paper",
    "AWQ W4 asym g128": f"{G128} {AWQ_CLIP}",
    "AWQ W4A8 asym g128/token sym": f"{G128} {A8_TOKEN_SYM} {AWQ_CLIP}",
    "AWQ W4 asym g128 scale only": f"{G128} awq:mode=paper",
    "AWQ W3 asym g128": f"w=int3/asym/g128 {AWQ_CLIP}",
}
OUTSIDE_16 = {
    "fp32": None,
    "RTN W4 asym channel, A8 token asym": f"{CHANNEL} {A8_TOKEN}",
    "RTN W4 asym g128, A16": G128,
    "RTN W4 asym g128, A8 token asym": f"{G128} {A8_TOKEN}",
    "RTN W4 asym g128, A8 token sym": f"{G128} {A8_TOKEN_SYM}",
    "RTN dINT4 channel, A8 token asym": f"w=dint4/asym/channel {A8_TOKEN}",
    "RTN dINT4 g128, A8 token asym": f"w=dint4/asym/g128 {A8_TOKEN}",
    "SmoothQuant .5 W4 asym channel, A8 token asym": f"{CHANNEL} {A8_TOKEN} smoothquant:alpha=0.5",
    "SmoothQuant .5 W4 asym g128, A8 token asym": f"{G128} {A8_TOKEN} smoothquant:alpha=0.5",
    "AQAS W4 asym channel, A8 token asym": f"{CHANNEL} {A8_TOKEN} aqas:mode=paper",
    "AQAS W4 asym g128, A8 token asym": f"{G128} {A8_TOKEN} aqas:mode=paper",
    "AQAS W4 asym g128, A8 token asym, LN sites only": f"{G128} {A8_TOKEN} aqas:mode=paper,sites=norms",
    "AQAS W4 asym channel, A8 token asym + clip": f"{CHANNEL} {A8_TOKEN} aqas:mode=paper clip",
    "AQAS dINT4 channel, A8 token asym": f"w=dint4/asym/channel {A8_TOKEN} aqas:mode=paper",
    "AQAS dINT4 channel, A8 token asym + clip": f"w=dint4/asym/channel {A8_TOKEN} aqas:mode=paper clip",
    "AQAS dINT4 g128, A8 token asym": f"w=dint4/asym/g128 {A8_TOKEN} aqas:mode=paper",
    "DGQ a clean: W4 g128 dual grain two-phase, A16": f"{DUAL} dgq",
    "DGQ a reference bf16: W4 g128 dual grain two-phase, A16": f"{DUAL} dgq:mode=reference",
    "DGQ a reference f32: W4 g128 dual grain two-phase, A16": f"{DUAL} dgq:mode=reference_f32",
    "DGQ b clean: W4 g128 dual grain two-phase, A8 token sym": f"{DUAL} {A8_TOKEN_SYM} dgq",
    "DGQ c clean: percentile 0.5%, W4 g128 dual grain two-phase, A8 token sym": f"{DUAL} {A8_TOKEN_SYM} percentile:mode=paper dgq",
    "DGQ d: plain rounding of RTN g128 into dual grain, A16": DUAL,
}
OUTSIDE_SHORT = {
    "fp32": None,
    "RTN W4 asym channel, A8 token asym": f"{CHANNEL} {A8_TOKEN}",
    "AQAS W4 asym channel, A8 token asym": f"{CHANNEL} {A8_TOKEN} aqas:mode=paper",
}
OUTSIDE_SLAC = {  # calibrated on 16,384 tokens cut to this length
    "SLAC 128: AQAS W4 asym channel, A8 token asym": (128, f"{CHANNEL} {A8_TOKEN} aqas:mode=paper"),
    "SLAC 2048: AQAS W4 asym channel, A8 token asym": (2048, f"{CHANNEL} {A8_TOKEN} aqas:mode=paper"),
}
OUTSIDE_PLAIN = {  # both samples, calibrated on 16 windows of 512; the window is 2,048 unless the name says
    "fp32 T2048": None,
    "fp32 T512": None,
    "W4 asym g128": G128,
    "W3 asym channel": "w=int3/asym/channel",
    "dINT4 g128": "w=dint4/asym/g128",
    "dINT3 channel": "w=dint3/asym/channel",
    "W8A8 sym channel/token": f"w=int8/sym/channel {A8_TOKEN_SYM}",
    "W4A8 asym g128/token sym": f"{G128} {A8_TOKEN_SYM}",
    "W16A4 g128 sym": "a=int4/sym/g128",
    "SmoothQuant .5 W4A8 asym g128/token sym": f"{G128} {A8_TOKEN_SYM} smoothquant:alpha=0.5",
}
OUTSIDE_WITHOUT_RECIPE = {
    "AWQ objective W4 asym channel, A8 token asym": NO_RECIPE,
    "AWQ objective W4 asym g128, A8 token asym": NO_RECIPE,
    "AQAS W4 asym g128, A8 token asym, dead channels geo": ONE_OF_TWO,
    "SLAC 128: AQAS W4 asym channel, A8 token asym, dead channels geo": ONE_OF_TWO,
}


def gptq_spread(runs, theirs):
    """GPTQ's block size changes the order of sums and nothing else: how far that alone moves the perplexity."""
    blocks = (8, 16, 32, 64, 128)
    print("\n## How far the order of sums moves GPTQ\n\nThe same recipes with columns updated in blocks of another size, which "
          "is the same computation in another order.\n\n| outside | theirs | " + " | ".join(f"block={b}" for b in blocks) + " |")
    print("|---|---|" + "---|" * len(blocks))
    for name, recipe in OUTSIDE_ALL.items():
        if "gptq" not in recipe:
            continue
        found = [runs.evaluate("sample-opt", recipe.replace("gptq:", f"gptq:block={b},"), 2048, (32, 512), 0) for b in blocks]
        cells = [f"{run['perplexity']:.2f}" if run else "not run" for run in found]
        print(f"| {name} | {theirs[name]:.2f} | " + " | ".join(cells) + " |", flush=True)


def outside(runs):
    """Our perplexities beside those of the published programs and of independent ones, in the fixtures' settings."""
    def compare(model, plans):
        print("| outside | recipe | theirs | ours | difference |\n|---|---|---|---|---|")
        for name, theirs, evaluation in plans:
            run = runs.evaluate(model, *evaluation)
            ours = f"{run['perplexity']:.3f} | {100 * (run['perplexity'] / theirs - 1):+.2f} %" if run else "not run |"
            recipe = evaluation[0]
            print(f"| {name} | {'`' + recipe + '`' if recipe else ''} | {theirs:.3f} | {ours} |", flush=True)

    for model in ("sample-opt", "sample-llama"):
        theirs = json.loads((runs.args.fixtures / "perplexity" / f"{model}.json").read_text())["ppl"]
        assert set(theirs) == set(OUTSIDE_PLAIN), set(theirs) ^ set(OUTSIDE_PLAIN)
        print(f"\n## Plain formats, all windows, {model}\n")
        compare(model, [(name, theirs[name], (recipe, 512 if name.endswith("T512") else 2048, (16, 512), 0))
                        for name, recipe in OUTSIDE_PLAIN.items()])
    fixture = json.loads((runs.args.fixtures / "methods" / "sample-opt.json").read_text())
    without = set()
    for title, key, window, windows, rows in (
            ("Published programs, all windows of 2,048", "perplexity_all_windows", 2048, 0, OUTSIDE_ALL),
            ("Published and independent programs, first 16 windows of 2,048", "perplexity_first_16_windows_of_2048", 2048, 16, OUTSIDE_16),
            ("Independent programs, first 256 windows of 128", "perplexity_first_256_windows_of_128", 128, 256, OUTSIDE_SHORT)):
        slac_rows = {name: row for name, row in OUTSIDE_SLAC.items() if name in fixture[key]}
        without |= set(fixture[key]) - set(rows) - set(slac_rows)
        print(f"\n## {title}, {fixture['model']}\n")
        plans = [(name, (recipe, window, (32, 512), windows)) for name, recipe in rows.items()]
        plans += [(name, (recipe, window, (16384 // length, length), windows)) for name, (length, recipe) in slac_rows.items()]
        compare(fixture["model"], [(name, fixture[key][name], evaluation) for name, evaluation in plans])
    assert without == set(OUTSIDE_WITHOUT_RECIPE), without ^ set(OUTSIDE_WITHOUT_RECIPE)
    gptq_spread(runs, fixture["perplexity_all_windows"])
    print("\n## Settings of the fixture that no recipe says\n")
    for name, reason in OUTSIDE_WITHOUT_RECIPE.items():
        print(f"- {name}: {reason}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("papers", "smollm2", "outside"))
    parser.add_argument("--fixtures", type=pathlib.Path, help="folder of what independent programs measured; for outside")
    parser.add_argument("--cli", default="build/bin/graticule-cli")
    parser.add_argument("--model", default="")
    parser.add_argument("--text", required=True)
    parser.add_argument("--calib", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--windows", type=int, default=0, help="0: all")
    parser.add_argument("--keep", default="build/results")
    parser.add_argument("--jobs", type=int, default=1, help="evaluations at a time; more than 1 on a GPU")
    args = parser.parse_args()
    runs = Runs(args)
    tables = {"papers": papers, "smollm2": smollm2, "outside": outside}[args.what]
    runs.run_ahead(tables)
    tables(runs)


main()
