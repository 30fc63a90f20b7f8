#!/usr/bin/env python3
"""GPTQ and AWQ folders that graticule writes, read by code that shares nothing with it: the layout as the format's description has it.

    check_gptq_awq.py --cli graticule-cli --work FOLDER

Each recipe is exported so and as compressed-tensors (whose files tests/clients/check_clients.py gives to real clients);
both are decoded here, and every weight must be the same bit for bit. Standard library and numpy only.
"""
import argparse
import json
import pathlib
import shutil
import subprocess

from skipping import skip

try:
    import numpy as np
except ImportError as missing:
    skip(missing)

from safetensors_file import tensors


def fields(words, bits, count):
    """The first `count` values of each row of a little-endian bit stream."""
    stream = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")[:, :count * bits]
    return (stream.reshape(words.shape[0], count, bits) << np.arange(bits)).sum(axis=2).astype(np.int64)


def gptq_weights(folder):
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    assert config == json.loads((folder / "quantize_config.json").read_text()) | {"graticule": config["graticule"]}
    bits, stored = config["bits"], dict(tensors(folder / "model.safetensors"))
    weights = {}
    for name in [n for n in stored if n.endswith(".qweight")]:
        base = name[:-len(".qweight")]
        scales, group = stored[base + ".scales"].astype(np.float32), stored[base + ".g_idx"]
        codes = fields(stored[name].T, bits, len(group))  # (out, in)
        zeros = fields(stored[base + ".qzeros"], bits, scales.shape[1]) + (config["checkpoint_format"] == "gptq")
        size = config["group_size"] if config["group_size"] > 0 else len(group)
        assert (group == np.arange(len(group)) // size).all(), base
        weights[base] = (codes - zeros[group].T).astype(np.float32) * scales[group].T
    return weights


def awq_weights(folder):
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    assert (config["bits"], config["version"], config["zero_point"]) == (4, "gemm", True)
    stored = dict(tensors(folder / "model.safetensors"))
    # Nibble n of a word is the column order[n]; column c is therefore nibble [0, 4, 1, 5, 2, 6, 3, 7][c].
    nibble = np.array([0, 4, 1, 5, 2, 6, 3, 7])
    unpack = lambda words: fields(words, 4, 8 * words.shape[1]).reshape(len(words), -1, 8)[:, :, nibble].reshape(len(words), -1)
    weights = {}
    for name in [n for n in stored if n.endswith(".qweight")]:
        base = name[:-len(".qweight")]
        codes, zeros = unpack(stored[name]), unpack(stored[base + ".qzeros"])  # (in, out), (groups, out)
        scales = stored[base + ".scales"].astype(np.float32)
        each = len(codes) // len(scales)
        weights[base] = ((codes - zeros.repeat(each, 0)).astype(np.float32) * scales.repeat(each, 0)).T
    return weights


def packed_weights(folder):
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    bits = config["config_groups"]["group_0"]["weights"]["num_bits"]
    stored = dict(tensors(folder / "model.safetensors"))
    weights = {}
    for name in [n for n in stored if n.endswith(".weight_packed")]:
        base = name[:-len(".weight_packed")]
        out, inputs = (int(n) for n in stored[base + ".weight_shape"])
        scale = stored[base + ".weight_scale"]
        zero = np.full(scale.shape, 1 << (bits - 1))
        if base + ".weight_zero_point" in stored:
            zero = fields(stored[base + ".weight_zero_point"].T, bits, out).T
        each = inputs // scale.shape[1]
        codes = fields(stored[name], bits, inputs)
        weights[base] = (codes - zero.repeat(each, 1)).astype(np.float32) * scale.repeat(each, 1)
    return weights


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cli", required=True)
    options.add_argument("--work", required=True, type=pathlib.Path)
    args = options.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    compared = 0
    cases = [("gptq", gptq_weights, recipe) for recipe in
             ("w=int4/sym/g32:f16", "w=int4/asym/g32:f16", "w=int3/asym/g32:f16", "w=int2/sym/g32:f16", "w=int8/sym/channel:f16")]
    cases += [("awq", awq_weights, recipe) for recipe in ("w=int4/sym/g32:f16", "w=int4/asym/g32:f16", "w=int4/asym/channel:f16")]
    for sample in ("opt", "llama"):
        for number, (exporter, read, recipe) in enumerate(cases):
            sides = []
            for target, reader in ((exporter, read), ("compressed-tensors", packed_weights)):
                folder = args.work / f"{sample}-{number}-{target}"
                folder.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run([args.cli, "export", "--sample", sample, "--recipe", recipe, "--exporter", target,
                                "--out", str(folder), "-q"], check=True, stdout=subprocess.DEVNULL)
                sides.append(reader(folder))
            ours, reference = sides
            assert ours.keys() == reference.keys() and ours, (sample, exporter, recipe)
            for name, weight in ours.items():
                assert weight.shape == reference[name].shape and (weight == reference[name]).all(), (exporter, recipe, name)
                compared += 1
    print(f"{compared} weights of GPTQ and AWQ folders are those of compressed-tensors, bit for bit")


main()
