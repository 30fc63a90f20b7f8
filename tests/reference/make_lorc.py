#!/usr/bin/env python3
"""LoRC by NumPy alone: what tests/core/tst_low_rank.cpp expects. Nothing of Graticule is used.

    python tests/reference/make_lorc.py > tests/reference/lorc.json

Weights of the samples are rounded to nearest (asymmetric, one scale per output channel, zero in the range), the error's
singular value decomposition is taken in float64, and by Eckart and Young no matrix of rank r leaves less of the error
than sqrt(sum of the squares of the singular values after the r-th). Factors are A = U S^1/2 and B = S^1/2 V^T, so that
the squared Frobenius norm of each is the sum of the kept singular values.
"""
import json
import pathlib

import numpy as np

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "resources/samples"
CASES = [
    ("sample-opt", "model.decoder.layers.0.fc1.weight"),
    ("sample-opt", "model.decoder.layers.2.self_attn.q_proj.weight"),
    ("sample-llama", "model.layers.1.mlp.down_proj.weight"),
    ("sample-llama", "model.layers.0.self_attn.k_proj.weight"),
]


def read_tensor(path: pathlib.Path, name: str) -> np.ndarray:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    entry = header[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    raw = data[begin:end]
    if entry["dtype"] == "BF16":
        values = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    else:
        values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype("<f4")
    return values.reshape(entry["shape"])


def round_to_nearest(weight: np.ndarray, bits: int) -> np.ndarray:
    top = np.float32(2**bits - 1)
    low = np.minimum(weight.min(axis=1, keepdims=True), np.float32(0))
    high = np.maximum(weight.max(axis=1, keepdims=True), np.float32(0))
    scale = (high - low) / top
    zero = np.rint(-low / scale)
    codes = np.clip(np.rint(weight / scale) + zero, 0, top)
    return (codes - zero) * scale


def main() -> None:
    records = []
    for sample, name in CASES:
        weight = read_tensor(SAMPLES / sample / "model.safetensors", name)
        for bits, rank in [(3, 8), (4, 1), (2, 64)]:
            error = weight.astype(np.float64) - round_to_nearest(weight, bits).astype(np.float64)
            singular = np.linalg.svd(error, compute_uv=False)
            records.append(
                {
                    "sample": sample,
                    "tensor": name,
                    "bits": bits,
                    "rank": rank,
                    "error": float(np.sqrt((singular**2).sum())),
                    "least_error": float(np.sqrt((singular[rank:] ** 2).sum())),
                    "product": float(np.sqrt((singular[:rank] ** 2).sum())),
                    "factor": float(np.sqrt(singular[:rank].sum())),
                }
            )
    print(json.dumps({"made_by": "tests/reference/make_lorc.py, NumPy " + np.__version__, "cases": records}, indent=1))


if __name__ == "__main__":
    main()
