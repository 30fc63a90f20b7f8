"""Every quantized weight of a Graticule packed file as float32 (README.md beside this describes the layout).

    for name, weight in weights("packed.safetensors"): ...          # of a sharded one: shard by shard
"""
import json

import numpy as np

TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I32": np.int32, "I8": np.int8, "U8": np.uint8, "F8_E4M3": np.uint8}


def as_floats(values, coding):
    if coding == "bf16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    if coding == "e8m0":
        return np.ldexp(np.float32(1), values.astype(np.int32) - 127)
    if coding == "e4m3":  # scales have no sign
        exponent, mantissa = values.astype(np.int32) >> 3, values & 7
        return np.ldexp(mantissa + 8.0 * (exponent > 0), np.maximum(exponent, 1) - 10).astype(np.float32)
    return values.astype(np.float32)


def unpack(rows, bits, count):  # fields of `bits` bits, lowest first; every row begins on a byte
    stream = np.unpackbits(rows, axis=1, bitorder="little")[:, :count * bits].reshape(len(rows), count, bits)
    return (stream.astype(np.int32) << np.arange(bits)).sum(axis=2)


def spread(blocks, shape):  # one value per block to one per weight
    return blocks.repeat(shape[0] // blocks.shape[0], 0).repeat(shape[1] // blocks.shape[1], 1)


def weights(path):
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    header = json.loads(bytes(data[8:start]))

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        return np.array(data[start + begin:start + end]).view(TYPES[header[name]["dtype"]]).reshape(header[name]["shape"])

    description = json.loads(header["__metadata__"]["graticule_packed"])
    for name in [name for name in description["linears"] if name + ".codes" in header]:
        shape, scheme = description["linears"][name]["shape"], description["schemes"][description["linears"][name]["scheme"]]
        codes = unpack(tensor(name + ".codes"), scheme["bits"], shape[1])
        scale = np.float32(1)
        for level, part in zip(scheme["levels"], (".scales", ".coarse_scales")):
            scale = spread(as_floats(tensor(name + part), level["coding"]), shape) * scale
        if "values" in scheme:  # a table of code points
            steps = np.array(scheme["values"], np.float32)[codes]
        else:
            zero = tensor(name + ".zeros") if name + ".zeros" in header else np.full((1, 1), scheme["zero"])
            if zero.dtype == np.uint8:  # as wide as codes, and packed like them
                zero = unpack(zero, scheme["bits"], header[name + ".scales"]["shape"][1])
            steps = (codes - spread(zero.astype(np.int32), shape)).astype(np.float32)
            for i, special in enumerate(scheme["specials"]):  # steps from 0, whatever the zero point is
                steps[codes == scheme["lattice"] + i] = special
        weight = steps * scale
        if name + ".kept_columns" in header:
            weight[:, tensor(name + ".kept_channels")] = tensor(name + ".kept_columns")
        if name + ".low_rank_a" in header:  # one after the other, as the program adds them
            for a, b in zip(tensor(name + ".low_rank_a").T, tensor(name + ".low_rank_b")):
                weight += np.outer(a.astype(np.float32), b.astype(np.float32))
        yield name, weight
