#!/usr/bin/env python3
"""QServe folders that graticule writes, read by code that shares nothing with it: the layout as the kernel reads it.

    check_qserve.py --cli graticule-cli --work FOLDER

Weights are decoded in the kernel's arithmetic, bytes that wrap around, and compared with our own dequantized ones. Numpy only.
"""
import argparse
import json
import pathlib
import shutil
import subprocess

from skipping import skip

try:
    import numpy as np
except ImportError as error:
    skip(f"numpy cannot be imported ({error})")

from safetensors_file import tensors


def codes_of(qweight):
    """(out, in) codes: the tensor as [out/32][in/32][lane 8][column group 4][column half 2][row half 2][column 4] bytes."""
    out, columns = qweight.shape[0], 2 * qweight.shape[1]
    tiles = qweight.view(np.uint8).reshape(out // 32, columns // 32, 8, 4, 2, 2, 4)
    halves = np.stack([tiles & 15, tiles >> 4])
    # row = 16 * nibble + 8 * row half + lane; column = 16 * column half + 4 * column group + column
    return np.einsum("nRClgfrc->RnrlCfgc", halves).reshape(out, columns)


def natural_order(values):
    """Scales of a block of 32 outputs stand as 0, 8, 16, 24, 1, 9, 17, 25, ..."""
    groups, out = values.shape
    return values.reshape(groups, out // 32, 8, 4).transpose(0, 1, 3, 2).reshape(groups, out)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cli", required=True)
    options.add_argument("--work", required=True, type=pathlib.Path)
    args = options.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    compared = 0
    for sample in ("opt", "llama"):
        for number, recipe in enumerate(("w=int4/asym/dual128:f16", "w=int4/asym/dual128:bf16 a=int8/sym/token")):
            folder, reference = args.work / f"{sample}-{number}", args.work / "reference.safetensors"
            common = ["--sample", sample, "--recipe", recipe, "-q"]
            subprocess.run([args.cli, "export", *common, "--exporter", "qserve", "--out", str(folder)], check=True,
                           stdout=subprocess.DEVNULL)
            subprocess.run([args.cli, "quantize", *common, "--weights-only", "--dequantized", str(reference)], check=True,
                           stdout=subprocess.DEVNULL)
            config = json.loads((folder / "config.json").read_text())["quantization_config"]
            assert (config["quant_method"], config["wbits"], config["group_size"]) == ("qoq", 4, 128), config
            stored, expected = dict(tensors(folder / "model.safetensors")), dict(tensors(reference))
            for name in [n for n in stored if n.endswith(".qweight")]:
                base = name[:-len(".qweight")]
                codes = codes_of(stored[name]).astype(np.int32)
                scale = natural_order(stored[base + ".s2_scales"]).astype(np.int32).T.repeat(128, 1)
                zero = natural_order(stored[base + ".s2_zeros"].view(np.uint8)).astype(np.int32).T.repeat(128, 1)
                products = codes * scale
                assert scale.min() >= 1 and products.max() <= 255, base  # four bytes in one multiplication: no carry
                integers = ((products + zero) % 256).astype(np.uint8).view(np.int8)
                weight = integers.astype(np.float32) * stored[base + ".s1_scales"].astype(np.float32)[:, None]
                assert np.abs(integers.astype(int)).max() <= 127, base
                assert (weight == expected[base + ".weight"]).all(), (recipe, base)
                compared += 1
    print(f"{compared} weights of QServe folders are those of the quantized models, bit for bit")


main()
