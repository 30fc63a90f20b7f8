#!/usr/bin/env python3
"""The packed container read by the sixty lines of docs/packed: every weight as this program dequantizes it, bit for bit.

    check_packed.py --cli graticule-cli --work FOLDER

Numpy only. Also: the reader is as short as its documentation says, and needs no Torch.
"""
import argparse
import importlib.util
import pathlib
import shutil
import subprocess

from skipping import skip

try:
    import numpy as np
except ImportError as error:
    skip(f"numpy cannot be imported ({error})")

from safetensors_file import tensors

READER = pathlib.Path(__file__).parents[2] / "docs" / "packed" / "read_packed.py"
RECIPES = ["w=dint4/asym/g128", "w=dint3/sym/channel:f16", "w=int4/asym/dual128", "w=int4/asym/dual128:f16", "w=int3/asym/g64:f16",
           "w=int5/asym/channel", "w=int8/sym/tensor", "w=int4/asym/g32:bf16", "w=int2/sym/g32:e8m0", "w=int6/asym/g32:e4m3",
           "w=nvfp4", "w=mxfp4", "w=fp8_e4m3/sym/channel", "w=fp8_e5m2/sym/g32:f16", "w=int4/asym:i8/g64",
           "w=dint4/asym/channel a=int8/sym/token", "w=int3/asym/g64:f16 keep:percent=2 lorc:rank=3"]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cli", required=True)
    options.add_argument("--work", required=True, type=pathlib.Path)
    args = options.parse_args()
    assert len(READER.read_text().splitlines()) <= 64 and "torch" not in READER.read_text().lower().replace("without torch", "")
    spec = importlib.util.spec_from_file_location("read_packed", READER)
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    compared = 0
    for sample in ("opt", "llama"):
        for number, recipe in enumerate(RECIPES):
            folder, reference = args.work / f"{sample}-{number}", args.work / "reference.safetensors"
            common = ["--sample", sample, "--recipe", recipe, "-q"]
            shards = ["--shard-size", "1"] if number == 0 else []
            subprocess.run([args.cli, "export", *common, "--exporter", "packed", "--out", str(folder), *shards], check=True,
                           stdout=subprocess.DEVNULL)
            subprocess.run([args.cli, "quantize", *common, "--weights-only", "--dequantized", str(reference)], check=True,
                           stdout=subprocess.DEVNULL)
            files = sorted(folder.glob("packed*.safetensors"))
            assert (len(files) > 1) == bool(shards), files
            expected = dict(tensors(reference))
            assert all(weight.dtype == np.float32 for weight in expected.values()), recipe
            decoded = {name + ".weight": weight for file in files for name, weight in reader.weights(file)}
            assert decoded, (sample, recipe)
            for name, weight in decoded.items():
                assert weight.dtype == np.float32 and weight.shape == expected[name].shape, (recipe, name)
                assert (weight == expected[name]).all(), (recipe, name, np.abs(weight - expected[name]).max())
                compared += 1
    print(f"{compared} weights of packed files are those of the quantized models, bit for bit")


main()
