#!/usr/bin/env python3
"""The quantization of an integer product's inputs with what makes them, in one read, beside separate steps on one card.

Usage: bench_inputs.py --libraries FOLDER [--out FILE.json] [--widths 4096,...] [--tokens 1,2048] [--rounds N]

FOLDER as in bench_gemm.py. Separate steps are torch's (rms_norm or layer_norm and the cast to bf16; SiLU, then the product) and
our quantization of bf16 values; of the Hadamard transform no torch operation exists, its row stands beside the copy of a bf16
tensor, and so do the rows of a clip ratio and of a fixed scale. Codes of both ways are compared: they may differ where torch's
last bit does. CUDA graphs whose calls rotate over at least 200 MB of inputs, shuffled rounds, medians.
"""
import argparse
import ctypes
import json
import pathlib

import torch

import provenance
from bench_gemm import BF16, ROTATED_BYTES, Face, card_state, measure, pointer, stream

F32, TILES = 0, 1
FRONTS = {"none": 0, "rms norm": 1, "layer norm": 2, "silu times up": 3}


class Inputs:
    """What one front reads, in enough copies, and where codes go."""

    def __init__(self, face, front, tokens, width, device):
        self.face, self.front, self.tokens, self.width = face, front, tokens, width
        norm = front in ("rms norm", "layer norm")
        dtype = torch.float32 if norm else torch.bfloat16
        one = torch.randn(tokens, width, device=device).to(dtype)
        copies = 1 + int(min(ROTATED_BYTES, 1e9) // (one.numel() * one.element_size() * (2 if front == "silu times up" else 1)))
        copies = min(copies, 64)
        self.values = [one] + [one.clone() for _ in range(copies - 1)]
        self.up = [torch.randn(tokens, width, device=device).bfloat16() for _ in range(copies)] if front == "silu times up" else None
        self.weight = torch.rand(width, device=device) + 0.5
        self.bias = torch.randn(width, device=device) * 0.1
        size = face.library.gemm_input_bytes(TILES, ctypes.c_int64(tokens), ctypes.c_int64(width))
        self.codes = torch.zeros(size, dtype=torch.int8, device=device)
        self.scale = torch.empty(tokens, device=device)
        self.row_sum = torch.empty(tokens, dtype=torch.int32, device=device)
        self.type = F32 if norm else BF16

    def fused(self, hadamard=1):
        def call(i):
            i %= len(self.values)
            self.face.checked("gemm_make_input", 1, FRONTS[self.front], pointer(self.values[i]), self.type,
                              ctypes.c_int64(self.tokens), ctypes.c_int64(self.width), pointer(self.weight),
                              pointer(self.bias) if self.front == "layer norm" else None,
                              pointer(self.up[i]) if self.up else None, ctypes.c_int64(hadamard), BF16, TILES,
                              pointer(self.codes), pointer(self.scale), pointer(self.row_sum), stream())
        return call

    def rounded(self, clip_ratio, fixed_scale=None):
        """The values as they are, with a clip ratio or one scale for all of them."""
        def call(i):
            self.face.checked("gemm_quantize_rounded", 1, pointer(self.values[i % len(self.values)]), BF16,
                              ctypes.c_int64(self.tokens), ctypes.c_int64(self.width), TILES, ctypes.c_float(clip_ratio),
                              pointer(fixed_scale) if fixed_scale is not None else None, pointer(self.codes), pointer(self.scale),
                              pointer(self.row_sum), stream())
        return call

    def made(self, i):
        i %= len(self.values)
        x = self.values[i]
        if self.front == "rms norm":
            return torch.nn.functional.rms_norm(x, (self.width,), self.weight, 1e-5).bfloat16()
        if self.front == "layer norm":
            return torch.nn.functional.layer_norm(x, (self.width,), self.weight, self.bias, 1e-5).bfloat16()
        if self.front == "silu times up":
            return torch.nn.functional.silu(x) * self.up[i]
        return x

    def separate(self):
        def call(i):
            x = self.made(i)
            self.face.checked("gemm_quantize", 1, pointer(x), BF16, ctypes.c_int64(self.tokens), ctypes.c_int64(self.width), TILES,
                              pointer(self.codes), pointer(self.scale), pointer(self.row_sum), stream())
        return call

    def differing(self):
        """Share of codes that differ between the two ways, and the largest difference."""
        self.fused()(0)
        first = self.codes.clone()
        self.separate()(0)
        difference = (first.int() - self.codes.int()).abs()
        return (difference != 0).float().mean().item(), int(difference.max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--widths", default="4096,8192,11008,28672")
    parser.add_argument("--tokens", default="1,16,2048")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--commit", default="", help="that the libraries were built from; the checkout's where this is not given")
    arguments = parser.parse_args()
    face, device = Face(arguments.libraries), torch.device("cuda")
    record = {**provenance.of_run(arguments.commit), "before": card_state(), "torch": torch.__version__, "cells": []}
    for width in map(int, arguments.widths.split(",")):
        for tokens in map(int, arguments.tokens.split(",")):
            calls, differing = {}, {}
            for front in FRONTS:
                inputs = Inputs(face, front, tokens, width, device)
                if front == "none":
                    target = torch.empty_like(inputs.values[0])
                    calls["copy bf16"] = lambda i, v=inputs.values, t=target: t.copy_(v[i % len(v)])
                    calls["quantize"] = inputs.separate()
                    calls["quantize, clip ratio 0.9"] = inputs.rounded(0.9)
                    # Calibrated on other text: a few values in a thousand lie beyond the codes.
                    fixed = torch.full((1,), 3.0 / 127, device=device)
                    calls["quantize, fixed scale"] = inputs.rounded(1.0, fixed)
                    for block in (256, 64):
                        if width % block == 0:
                            calls[f"hadamard {block} + quantize, one read"] = inputs.fused(block)
                    continue
                differing[front] = inputs.differing()
                calls[front + " + quantize"] = inputs.separate()
                calls[front + " + quantize, one read"] = inputs.fused()
            us = measure(calls, arguments.rounds)
            record["cells"].append({"width": width, "tokens": tokens, "us": us, "differing": differing})
            print(f"{tokens} x {width}: " + "  ".join(f"{name} {value['median']:.2f}" for name, value in us.items()) +
                  f"  differing codes (share, largest): {differing}", flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(record, indent=1))
    record["after"] = card_state()
    if arguments.out:
        arguments.out.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
