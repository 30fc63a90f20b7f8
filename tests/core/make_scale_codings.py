#!/usr/bin/env python3
"""Makes scale_codings.json with torch's own float8, float16 and bfloat16: what every byte of the small floats means, and
what numbers of all sizes are rounded to. Run by hand; the result is kept, so that the tests need no Python.

    .deps/bin/python tests/core/make_scale_codings.py > tests/core/scale_codings.json
"""

import json
import random
import struct
import sys

import torch


def bits(tensor):
    return [struct.unpack("<I", struct.pack("<f", x))[0] for x in tensor.to(torch.float32).tolist()]


def decoded(dtype):
    return bits(torch.arange(256, dtype=torch.uint8).view(dtype).to(torch.float32))


def samples(low, high, dtype, largest):
    """Positive numbers over the range and beyond, exact ties among them, and what torch rounds them to (saturating)."""
    generator = random.Random(7)
    values = [generator.uniform(1, 2) * 2.0 ** generator.randint(low, high) for _ in range(150)]
    values += [k / 16 * 2.0 ** generator.randint(low, high) for k in range(16, 32)]  # ties of three bits
    values += [k / 2.0**11 * 2.0 ** generator.randint(low, high) for k in range(2048, 2052)]
    given = torch.tensor(values, dtype=torch.float32)
    return {"given": bits(given), "rounded": bits(given.clamp(max=largest).to(dtype))}


json.dump(
    {
        "torch": torch.__version__,
        "e4m3": {"bytes": decoded(torch.float8_e4m3fn), **samples(-9, 8, torch.float8_e4m3fn, 448.0)},
        "e5m2": {"bytes": decoded(torch.float8_e5m2)},
        "e8m0": {"bytes": decoded(torch.float8_e8m0fnu)},
        "f16": samples(-24, 15, torch.float16, 65504.0),
        "bf16": samples(-120, 120, torch.bfloat16, 3.38e38),
    },
    sys.stdout,
    separators=(",", ":"),
)
print()
