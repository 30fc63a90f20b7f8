#!/usr/bin/env python3
"""Recipes under a budget, the best uniform one against the searched one on held-out text, and how well prediction ranks.

    tests/benchmarks/bench_decisions.py --cli build/bin/graticule-cli --model sample-opt --model sample-llama --text wiki.test.raw
    tests/benchmarks/bench_decisions.py --cli ... --model SmolLM2.gguf --text ... --windows 6 --fit-windows 4 --skip sensitivity

Prints Markdown. Every run's JSON is kept in --keep, so that a table can be set again without running it again.
"""
import argparse
import pathlib

from kept_run import kept_run

BUDGETS = ["3.5", "4", "4.5", "5"]
SCHEMES = ["w=int3/asym/g64:f16", "w=int4/asym/channel", "w=int4/asym/channel a=int8/sym/token"]


def run(args, name, *line):
    return kept_run(args.cli, args.keep, name, [*line, "--device", args.device, "--precision", "float32"])


def held_out(args):
    return (["--text", args.text] if args.text else []) + ["--window", str(args.window), "--windows", str(args.windows)]


def point_text(point):
    divergence = point["divergence"]
    low, high = bounds(divergence["interval"])
    return f"{divergence['mean']:.4f} ({low:.4f} .. {high:.4f}) | {point['perplexity']:.3f}"


def bounds(value):
    return (value["low"], value["high"]) if isinstance(value, dict) else tuple(value)


def difference_text(difference):
    if difference is None:
        return "- | -"
    low, high = bounds(difference["divergence"]["interval"])
    perplexity = difference["perplexity"]
    return (f"{difference['divergence']['mean']:+.4f} ({low:+.4f} .. {high:+.4f}) | {perplexity['perplexity_difference']:+.3f} "
            f"({perplexity['interval_low']:+.3f} .. {perplexity['interval_high']:+.3f})")


def search_rows(args, model, label):
    for budget in args.budgets:
        name = f"search-{label}-{budget}"
        found = run(args, name, "search", model, "--bits", budget, "--fit-window", str(args.fit_window), "--fit-windows",
                    str(args.fit_windows), "--draws", str(args.draws), *held_out(args), "--out", str(pathlib.Path(args.keep) / f"{name}-recipe.json"))
        searched = found["searched"]
        rules = len(searched["recipe"].get("rules", []))
        print(f"| {label} | {budget} | **searched**, {rules} rules | {searched['bits_per_weight']:.3f} | "
              f"{searched['predicted']:.4f} | {point_text(searched)} | | |")
        rivals = {}
        for key in ("against_best_in_budget", "against_best_as_large"):
            if found[key] is not None:
                rivals[found[key]["uniform"]] = found[key]
        for index, difference in sorted(rivals.items()):
            point = found["uniform"][index]
            predicted = "-" if point["predicted"] is None else f"{point['predicted']:.4f}"
            print(f"| {label} | {budget} | `{point['name']}` | {point['bits_per_weight']:.3f} | {predicted} | "
                  f"{point_text(point)} | {difference_text(difference)} |")
        print(f"| {label} | {budget} | offered | | | {'the searched recipe' if found['beats_uniform'] else 'the uniform one'} | | | |",
              flush=True)


def sensitivity_rows(args, model, label):
    for number, scheme in enumerate(SCHEMES):
        found = run(args, f"sensitivity-{label}-{number}", "sensitivity", model, "--schemes", scheme, "--draws", str(args.draws),
                    "--window", str(args.fit_window), "--windows", str(args.fit_windows))
        layers = found["schemes"][0]["layers"]
        predicted, measured = sum(l["predicted"] for l in layers), sum(l["measured"] for l in layers)
        ratios = sorted(l["predicted"] / l["measured"] for l in layers if l["measured"] > 0)
        print(f"| {label} | `{scheme}` | {len(layers)} | {found['schemes'][0]['rank_correlation']:.3f} | {predicted / measured:.2f} | "
              f"{ratios[len(ratios) // 10]:.2f} .. {ratios[-1 - len(ratios) // 10]:.2f} | {found['prediction_seconds']:.0f} | "
              f"{found['measuring_seconds']:.0f} |", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cli", required=True)
    options.add_argument("--model", action="append", required=True)
    options.add_argument("--text", help="held-out text; without it the built-in evaluation text")
    options.add_argument("--window", type=int, default=512)
    options.add_argument("--windows", type=int, default=40)
    options.add_argument("--fit-window", type=int, default=128)
    options.add_argument("--fit-windows", type=int, default=16)
    options.add_argument("--draws", type=int, default=8)
    options.add_argument("--budgets", nargs="+", default=BUDGETS)
    options.add_argument("--skip", choices=["search", "sensitivity"], action="append", default=[])
    options.add_argument("--device", default="cpu")
    options.add_argument("--keep", default="decisions-runs")
    args = options.parse_args()
    labels = [(model, pathlib.Path(model).stem.split(".")[0]) for model in args.model]
    if "sensitivity" not in args.skip:
        print("| model | scheme | linears | rank correlation | sum predicted / measured | ratio, 10 % .. 90 % | predicted in, s | "
              "measured in, s |\n|---|---|---:|---:|---:|---:|---:|---:|")
        for model, label in labels:
            sensitivity_rows(args, model, label)
        print()
    if "search" not in args.skip:
        print("| model | budget | recipe | bits | predicted | divergence (95 %) | perplexity | searched less this: divergence (95 %) | "
              "perplexity (95 %) |\n|---|---:|---|---:|---:|---:|---:|---:|---:|")
        for model, label in labels:
            search_rows(args, model, label)


main()
