"""The tensors of a safetensors file by numpy alone, for client checks that share no code with what they check."""
import json

import numpy as np

TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64, "I32": np.int32, "I8": np.int8, "U8": np.uint8}


def tensors(path):
    """(name, array) of each; bfloat16 as its bits."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + length + begin:8 + length + end]
        yield name, np.frombuffer(raw, TYPES[entry["dtype"]]).reshape(entry["shape"])
