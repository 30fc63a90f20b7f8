#!/usr/bin/env python3
"""make_checkpoint.py: transformers loads what it makes, outlier channels change activations and not the function, the same
arguments give the same bytes, and the program under test reads it with the same logits.

    check_make_checkpoint.py --cli build-dev/app/graticule-cli --work FOLDER
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from skipping import skip

try:
    import torch
    import transformers
except ImportError as missing:
    skip(missing)

import make_checkpoint

FAMILIES = ["llama", "opt", "mixtral", "qwen2", "mistral"]
READ_BY_US = ["llama", "opt", "qwen2", "mistral"]
IDS = list(range(3, 67))


def made(folder, *arguments):
    shutil.rmtree(folder, ignore_errors=True)
    make_checkpoint.make([str(folder), *arguments])
    return folder


def digest(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def logits_and_inputs(folder):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    seen = []
    first = next(module for name, module in model.named_modules() if name.endswith("q_proj"))
    first.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    return logits, seen[0].abs().amax(dim=(0, 1))


def check_family(family, cli, work):
    common = ["--family", family, "--experts", "4", "--seed", "3"]
    plain, _ = logits_and_inputs(made(work / "plain", *common, "--outliers", "0"))
    folder = made(work / "outliers", *common, "--shards", "2")
    logits, inputs = logits_and_inputs(folder)
    assert torch.equal(logits, plain), f"{family}: outliers move the logits by {(logits - plain).abs().max()}"
    assert 0.2 < logits.std() < 5, f"{family}: logits spread by {logits.std()}, a signal is lost on the way"
    outliers = int((inputs > 6 * inputs.median()).sum())
    assert outliers == 6, f"{family}: {outliers} channels stand out, 6 were asked for"
    first = digest(folder)
    assert digest(made(work / "again", *common, "--shards", "2")) == first, f"{family}: other bytes for the same arguments"
    if family not in READ_BY_US:
        return f"{family}: function kept, {outliers} outliers"
    # Ours reads the shards; its perplexity is that of the same 64 ids.
    text = work / "text.txt"
    text.write_text("The sample text of this check is long enough for two windows of sixty-four tokens. " * 12)
    command = [cli, "--quiet", "--json", "eval", folder, "--text", text, "--text-rule", "raw", "--window", "64", "--windows", "2"]
    ours = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    ids = json.loads(subprocess.run([cli, "--json", "tokenize", folder, "--text", text, "--text-rule", "raw"], check=True,
                                    capture_output=True, text=True).stdout)["ids"]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        losses = [model(torch.tensor([ids[i:i + 64]]), labels=torch.tensor([ids[i:i + 64]])).loss.item() for i in (0, 64)]
    worst = max(abs(a - b) for a, b in zip(losses, ours["window_losses"]))
    assert worst < 2e-4, f"{family}: losses {ours['window_losses']}, transformers {losses}"
    return f"{family}: function kept, {outliers} outliers, losses within {worst:.1e} of transformers"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    failed = 0
    for family in FAMILIES:
        try:
            print(check_family(family, args.cli, args.work))
        except AssertionError as problem:
            failed += 1
            print(f"FAILED: {problem}")
    shutil.rmtree(args.work)
    sys.exit(1 if failed else 0)


main()
