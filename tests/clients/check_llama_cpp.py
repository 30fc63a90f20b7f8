#!/usr/bin/env python3
"""llama.cpp's own programs beside graticule-cli, on a real model.

Usage: check_llama_cpp.py --cli PROGRAM --programs FOLDER --model FILE.gguf --text FILE --work FOLDER [--chunks N]

llama-perplexity and `graticule-cli eval --protocol llama.cpp` must agree within BOUND on the file as it is, on what llama-quantize
makes of it, and on what `export --exporter gguf` writes. llama.cpp rounds the inputs of every product to 8 bits in blocks of 32,
which is why they do not agree to the last digit.

Exit code 77 (ctest: skipped) naming what is missing.
"""
import argparse
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
BOUND = 0.005  # of the perplexity

# What is exported as GGUF, and the type its linears get.
EXPORTS = [("w=int8/sym/g32:f16", "Q8_0"), ("w=int4/asym/g32:e4m3", "Q4_1"), ("w=int4/sym/g32:f16", "Q4_0")]


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(map(str, words))}: exit code {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


# Keys and values in float32, as here, so that the rounding of inputs alone is left. Threads of its own wait by spinning.
THEIR_OPTIONS = ["-ngl", 0, "-fa", "off", "-ctk", "f32", "-ctv", "f32", "-t", 1, "-tb", 1]


@functools.lru_cache(maxsize=None)  # a file is compared with several ways to evaluate it
def theirs(programs, model, text, chunks):
    out = run(programs / "llama-perplexity", "-m", model, "-f", text, "-c", 512, "--chunks", chunks, *THEIR_OPTIONS)
    return float(re.search(r"Final estimate: PPL = ([0-9.]+)", out).group(1))


def ours(cli, model, text, chunks, *more):
    out = subprocess.run([cli, "eval", str(model), "--text", str(text), "--text-rule", "raw", "--protocol", "llama.cpp",
                          "--windows", str(chunks), "--json", "--quiet", *more], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"FAILED: graticule-cli eval {model}: exit code {out.returncode}: {out.stderr.strip()}")
    result = json.loads(out.stdout)
    assert result["protocol"]["window"] == 512 and result["windows"] == chunks, result["protocol"]
    return result["perplexity"]


def main():
    parser = argparse.ArgumentParser()
    for name in ("--cli", "--programs", "--model", "--text", "--work"):
        parser.add_argument(name, required=True, type=pathlib.Path)
    parser.add_argument("--chunks", type=int, default=12)
    args = parser.parse_args()
    for path, how in ((args.programs / "llama-perplexity", "packaging/deps/install.sh --llama-cpp"),
                      (args.model, "packaging/test.sh --all fetches it")):
        if not path.exists():
            if os.environ.get("GRATICULE_REQUIRE_LLAMA_CPP") == "1":
                sys.exit(f"FAILED: {path} is missing")
            print(f"SKIPPED: {path} is missing; {how}", file=sys.stderr)
            sys.exit(SKIPPED)
    args.work.mkdir(parents=True, exist_ok=True)
    text = args.work / "text.txt"  # a newline at the end is left out there
    text.write_text(args.text.read_text().rstrip("\n"))

    wrong = []

    def compare(what, model, *more):
        expected, got = theirs(args.programs, model, text, args.chunks), ours(args.cli, *more)
        difference = got / expected - 1
        wrong.extend([what] if not abs(difference) < BOUND else [])
        print(f"{'ok  ' if abs(difference) < BOUND else 'FAIL'} {what:44} llama.cpp {expected:.4f}, here {got:.4f}: "
              f"{100 * difference:+.3f} %", flush=True)

    compare(f"{args.model.name} as it is", args.model, args.model, text, args.chunks)
    for kind in ("Q8_0", "Q4_0"):
        made = args.work / f"{kind}.gguf"
        run(args.programs / "llama-quantize", "--allow-requantize", args.model, made, kind)
        compare(f"{kind} by llama-quantize", made, made, text, args.chunks)
    for recipe, kind in EXPORTS:
        folder = args.work / f"export-{kind}"
        run(args.cli, "export", args.model, "--recipe", recipe, "--exporter", "gguf", "--out", folder, "--force", "--quiet")
        made = folder / "model.gguf"
        stored = json.loads(run(args.cli, "info", made, "--json", "--quiet"))["stored_quantization"]["format"]
        if kind not in stored.split(" ", 1)[1].split(", "):
            wrong.append(f"{recipe} is written as {stored}")
        compare(f"{recipe} exported ({kind}), opened again", made, made, text, args.chunks)
        compare(f"{recipe} exported ({kind}), as quantized", made, args.model, text, args.chunks, "--recipe", recipe)
        compare(f"{recipe} as llama.cpp", made, args.model, text, args.chunks, "--recipe", recipe, "--as", "llama.cpp")
    for what in wrong:
        print(f"FAILED: {what}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
