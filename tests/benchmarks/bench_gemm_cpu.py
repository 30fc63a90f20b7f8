#!/usr/bin/env python3
"""Integer products on the CPU beside PyTorch's float32, bf16 and int8, and beside the speed of memory, interleaved.

Usage: bench_gemm_cpu.py --libraries FOLDER [--threads N] [--out FILE.json] [--rounds N]

FOLDER holds libgraticule_gemm_face.so. Rounds go through all contenders in shuffled order; weights rotate over at least 160 MB, so
that none is in a cache. Reported is the best and the median of the rounds, recorded also p10 and p90: on a shared machine the best
is what the code can do. PyTorch's int8 product has the inputs of ours.
"""
import argparse
import ctypes
import json
import os
import pathlib
import random
import time

import torch

import provenance
from bench_gemm import FORMATS, GRAINS, Face, Problem, pointer

F32 = 0  # ValueType
ROTATED_BYTES = 160e6


def aligned(size):
    """Bytes at a multiple of 256, as rows ask for."""
    memory = torch.zeros(size + 256, dtype=torch.uint8)
    first = -memory.data_ptr() % 256
    return memory[first:first + size]


def codes_of_inputs(tokens, inputs):
    """Normal values as int8 with a scale per token."""
    x = torch.randn(tokens, inputs, generator=torch.Generator().manual_seed(3))
    return torch.round(x * (127 / x.abs().amax(1, keepdim=True))).to(torch.int8)


class Product:
    """One row of the table with one kind of weight."""

    def __init__(self, face, row, kind, outputs, inputs, tokens):
        format_name, grain, group = kind
        self.face, self.row = face, row
        self.problem = Problem(tokens, outputs, inputs, group, FORMATS[format_name], GRAINS[grain], F32)
        groups = 1 if grain == "channel" else inputs // group
        codes = torch.randint(0, {"int4": 16, "dint4": 16, "int8": 256}[format_name], (outputs, inputs), dtype=torch.uint8)
        zero = torch.full((outputs, groups), {"int4": 7.0, "dint4": 6.0, "int8": 128.0}[format_name])
        scale = torch.rand(outputs, groups if grain == "group" else 1)
        group_scale = torch.randint(1, 9, (outputs, groups), dtype=torch.int8)
        size = face.library.gemm_packed_bytes(0, row, ctypes.byref(self.problem))
        self.packed = [aligned(size) for _ in range(1 + int(ROTATED_BYTES // size))]
        face.checked("gemm_pack", 0, row, ctypes.byref(self.problem), pointer(codes), pointer(scale), pointer(zero),
                     pointer(group_scale), pointer(self.packed[0]), None)
        for copy in self.packed[1:]:
            copy.copy_(self.packed[0])
        self.bytes = size
        self.x = codes_of_inputs(tokens, inputs)
        self.scale = torch.full((tokens,), 0.01)
        self.row_sum = self.x.sum(1, dtype=torch.int32)
        self.y = torch.empty(tokens, outputs)
        self.workspace = aligned(face.library.gemm_workspace_bytes(0, row, ctypes.byref(self.problem)))

    def __call__(self, i):
        self.face.checked("gemm_run", 0, self.row, ctypes.byref(self.problem), pointer(self.packed[i % len(self.packed)]),
                          pointer(self.x), pointer(self.scale), pointer(self.row_sum), pointer(self.y), pointer(self.workspace), None)


class Torch:
    """A product of PyTorch in one type."""

    def __init__(self, dtype, outputs, inputs, tokens):
        integers = dtype == torch.int8
        weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8) if integers else torch.randn(outputs, inputs).to(dtype)
        self.bytes = weight.numel() * weight.element_size()
        self.weights = [weight] + [weight.clone() for _ in range(int(ROTATED_BYTES // self.bytes))]
        self.x = codes_of_inputs(tokens, inputs) if integers else torch.randn(tokens, inputs).to(dtype)
        self.multiply = torch._int_mm if integers else torch.matmul

    def __call__(self, i):
        self.multiply(self.x, self.weights[i % len(self.weights)].T)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--shapes", default="4096x4096,11008x4096")
    parser.add_argument("--tokens", default="1,4,16,64,512")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--commit", default="", help="that the libraries were built from; the checkout's where this is not given")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    face = Face(arguments.libraries)
    kinds = {"int4 channel": ("int4", "channel", 0), "int4 dual128": ("int4", "dual", 128), "dint4 channel": ("dint4", "channel", 0),
             "int8 channel": ("int8", "channel", 0)}
    large = torch.ones(256 << 20, dtype=torch.uint8)  # written: pages nobody wrote are all one page of zeros, in a cache
    record = {**provenance.of_run(arguments.commit), "torch": torch.__version__, "threads": arguments.threads,
              "rounds": arguments.rounds, "cells": []}
    for shape in arguments.shapes.split(","):
        outputs, inputs = map(int, shape.split("x"))
        for tokens in map(int, arguments.tokens.split(",")):
            calls = {}
            for row in range(face.library.gemm_row_count(0) - 1):
                row_name = face.library.gemm_row_name(0, row).decode()
                for name, kind in kinds.items():
                    probe = Problem(tokens, outputs, inputs, kind[2], FORMATS[kind[0]], GRAINS[kind[1]], F32)
                    if face.library.gemm_takes(0, row, ctypes.byref(probe)):
                        calls[f"{row_name}, {name}"] = Product(face, row, kind, outputs, inputs, tokens)
            calls["torch f32"] = Torch(torch.float32, outputs, inputs, tokens)
            calls["torch bf16"] = Torch(torch.bfloat16, outputs, inputs, tokens)
            if tokens > 16:
                calls["torch int8 (_int_mm)"] = Torch(torch.int8, outputs, inputs, tokens)
            read = large.view(torch.int64)
            times = {name: [] for name in [*calls, "memory read"]}
            for i in range(arguments.rounds + 1):
                order = list(times)
                random.shuffle(order)
                for name in order:
                    begin = time.perf_counter()
                    if name == "memory read":
                        read.sum()
                    else:
                        calls[name](i)
                    if i > 0:  # the first round warms up
                        times[name].append(time.perf_counter() - begin)
            for name, values in times.items():
                ms = {key: 1e3 * seconds for key, seconds in provenance.spread(values).items()}
                best, median = 1e-3 * ms["min"], 1e-3 * ms["median"]
                operations = 0 if name == "memory read" else 2 * tokens * outputs * inputs
                size = large.numel() if name == "memory read" else calls[name].bytes
                record["cells"].append({"shape": shape, "tokens": tokens, "name": name, "best_ms": ms["min"],
                                        "median_ms": ms["median"], "p10_ms": ms["p10"], "p90_ms": ms["p90"],
                                        "gops": operations / best / 1e9, "gbytes": size / best / 1e9})
                print(f"{shape} M={tokens:4d} {name:36s} best {best * 1e3:8.3f} ms  median {median * 1e3:8.3f} ms  "
                      f"{operations / best / 1e9:7.0f} GOPS  {size / best / 1e9:6.1f} GB/s", flush=True)
            del calls
    if arguments.out:
        arguments.out.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
