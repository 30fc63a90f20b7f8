#!/usr/bin/env python3
"""Six zero-shot tasks for a model as it is and under recipes: accuracy with its interval, and the answers that flip.

    tests/benchmarks/bench_tasks.py --cli build/bin/graticule-cli --model SmolLM2-135M-Instruct.Q4_1.gguf \
        --data zeroshot --calib wiki.valid.raw --items 100

Prints Markdown. Every run's JSON is kept in --keep, so that a table can be set again without running it again; with --seconds it
stops before a run that would begin later than that, and the next call goes on.
"""
import argparse
import pathlib
import sys
import time

from kept_run import kept_file, kept_run

TASKS = [
    ("piqa", "PIQA", ["--file", "piqa_valid.jsonl", "--file-labels", "piqa_valid-labels.lst"]),
    ("arc_easy", "ARC-e", ["--file", "arc_easy_test.jsonl"]),
    ("arc_challenge", "ARC-c", ["--file", "arc_challenge_test.jsonl"]),
    ("boolq", "BoolQ", ["--file", "boolq_validation.jsonl"]),
    ("hellaswag", "HellaSwag", ["--file", "hellaswag_val_every10th.txt"]),
    ("winogrande", "WinoGrande", ["--file", "winogrande_xl_validation.jsonl"]),
]
RECIPES = [
    ("W4A8, RTN", "w=int4/asym/g64 a=int8/sym/token"),
    ("AQAS + dINT4", "w=dint4/asym/g64 a=int8/sym/token aqas clip"),
    ("DGQ", "w=int4/asym/dual64 a=int8/sym/token dgq"),
]
# lm-evaluation-harness's usual figure of each: by score per byte where endings differ in length.
NORM = {"arc_challenge", "hellaswag"}


def run(args, name, line):
    """The JSON of one command, run once; None when the time is over."""
    if not kept_file(args.keep, name).exists() and args.seconds and time.monotonic() - args.start > args.seconds:
        return None
    return kept_run(args.cli, args.keep, name, line)


def task_runs(args):
    """By task and recipe; a run of a recipe has the baseline in it."""
    found = {}
    for number, (_, recipe) in enumerate(RECIPES):
        for task, _, files in TASKS:
            files = [str(pathlib.Path(args.data) / part) if not part.startswith("--") else part for part in files]
            calibration = ["--calib", args.calib, "--calib-samples", str(args.samples), "--calib-length", "512"] if number > 0 else []
            found[task, number] = run(args, f"{task}-{number}-{args.items}",
                                      ["task", args.model, "--task", task, *files, "--items", str(args.items), "--recipe", recipe, "--device", args.device, "--precision", "float32", *calibration])
    return found


def bounds(value):
    return (value["low"], value["high"]) if isinstance(value, dict) else tuple(value)


def accuracy_text(found, norm):
    key = "accuracy_norm" if norm else "accuracy"
    low, high = bounds(found[f"{key}_interval"])
    return f"{100 * found[key]:.1f} ({100 * low:.1f} .. {100 * high:.1f})"


def flips_text(found, norm):
    flips = found["flips_norm" if norm else "flips"]
    return f"+{len(flips['became_right'])} −{len(flips['became_wrong'])}, p = {flips['p_value']:.2g}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cli", required=True)
    options.add_argument("--model", required=True)
    options.add_argument("--data", required=True, help="folder of the tasks' files")
    options.add_argument("--calib", required=True, help="text that AQAS and DGQ are fitted on")
    options.add_argument("--samples", type=int, default=16, help="windows of 512 tokens of it")
    options.add_argument("--items", type=int, default=100)
    options.add_argument("--device", default="cpu")
    options.add_argument("--keep", default="task-runs")
    options.add_argument("--seconds", type=float, default=0, help="begin no run after so many")
    args = options.parse_args()
    args.start = time.monotonic()
    found = task_runs(args)
    missing = [f"{task} {RECIPES[number][0]}" for (task, number), value in found.items() if value is None]
    if missing:
        sys.exit(f"{len(missing)} runs are left: call again")
    print("| recipe | " + " | ".join(title for _, title, _ in TASKS) + " | mean |\n|---|" + "---:|" * (len(TASKS) + 1))
    shares = {}
    for number in range(-1, len(RECIPES)):
        cells = []
        for task, _, _ in TASKS:
            of = found[task, 0]["baseline"] if number < 0 else found[task, number]
            norm = task in NORM
            shares.setdefault(number, []).append(of["accuracy_norm" if norm else "accuracy"])
            cells.append(accuracy_text(of, norm) + ("" if number < 0 else "<br>" + flips_text(of, norm)))
        name = "as stored" if number < 0 else f"{RECIPES[number][0]}<br>`{RECIPES[number][1]}`"
        print(f"| {name} | " + " | ".join(cells) + f" | {100 * sum(shares[number]) / len(TASKS):.1f} |")
    print("\nAll six tasks' items together:\n")
    for number, (name, _) in enumerate(RECIPES):
        right = wrong = 0
        for task, _, _ in TASKS:
            flips = found[task, number]["flips_norm" if task in NORM else "flips"]
            right, wrong = right + len(flips["became_right"]), wrong + len(flips["became_wrong"])
        print(f"- {name}: {right} answers became right, {wrong} wrong, of {args.items * len(TASKS)}; p = {mcnemar(right, wrong):.3g}")


def mcnemar(right, wrong):
    """Two-sided exact test that flips go either way alike."""
    total, least, ways, below = right + wrong, min(right, wrong), 1, 0
    for k in range(least + 1):
        below += ways
        ways = ways * (total - k) // (k + 1)
    return min(1.0, 2 * below / 2**total) if total else 1.0


main()
