#!/usr/bin/env python3
"""Integer products beside what else an NVIDIA card offers, interleaved in one process on one card.

Usage: bench_gemm.py --libraries FOLDER [--beside NAME=FOLDER ...] [--out FILE.json] [--shapes 7B.o,...] [--tokens 1,16,...]
                     [--only NAME,...] [--humming] [--seconds N] [--pause SECONDS]

FOLDER holds libgraticule_gemm_face.so (built with GRATICULE_BENCHMARKS), libgraticule_cublaslt_face.so and
libgraticule_cuda.so. --beside puts other builds of the same three files into the same rounds, as "NAME: kind". Protocol
(reference/kernels.md, section 4): each contender's calls are captured into one CUDA graph whose calls rotate over at least 200 MB
of weights; rounds replay every contender's graph once, in shuffled order (from 2,048 tokens on half as many rounds, at least five);
reported are medians, recorded also rounds, calls a graph, p10 and p90. Before it is timed, each of our products is compared with
exact sums and the contract's roundings, bit for bit in bf16. The int8 rivals multiply the codes that our quantization made of the
same inputs, for data moves a card's clocks. int32 outputs of cuBLASLt and torch._int_mm carry no scales; ours are bf16 with token
and channel scales applied. W4A16 products are checked against float64 within their stated error. "w4a16 g128
dense" makes the weight in bf16 and multiplies that. "expand + lt int8" is the dual grain as DGQ's authors run it: one kernel writes
the INT8 weight (expand_int4.cu), cuBLASLt multiplies it.
--humming puts the public package into the same rounds (humming_peer.py). "share of read" is the bytes of a weight over
the time and the fastest read that torch did in the same process.
"""
import argparse
import ctypes
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

import torch

import humming_peer
import provenance

SHAPES = {"7B.qkv": (12288, 4096), "7B.o": (4096, 4096), "7B.gate_up": (22016, 4096), "7B.down": (4096, 11008),
          "70B.qkv": (10240, 8192), "70B.o": (8192, 8192), "70B.gate_up": (57344, 8192), "70B.down": (8192, 28672),
          "30B.qkv": (21504, 7168), "30B.o": (7168, 7168), "30B.fc1": (28672, 7168), "30B.fc2": (7168, 28672)}
FORMATS = {"int4": 0, "dint4": 1, "int8": 2}
GRAINS = {"channel": 0, "group": 1, "dual": 2}
BF16 = 1  # ValueType
PLAIN = 0  # InputLayout
ROTATED_BYTES = 200e6


class Problem(ctypes.Structure):
    _fields_ = [("tokens", ctypes.c_int64), ("outputs", ctypes.c_int64), ("inputs", ctypes.c_int64), ("group", ctypes.c_int64),
                ("format", ctypes.c_int32), ("grain", ctypes.c_int32), ("output", ctypes.c_int32)]


class Face:
    """libgraticule_gemm_face.so with errors as exceptions."""

    def __init__(self, folder):
        self.library = ctypes.CDLL(str(folder / "libgraticule_gemm_face.so"))
        for name in ("gemm_error", "gemm_row_name"):
            getattr(self.library, name).restype = ctypes.c_char_p
        for name in ("gemm_packed_bytes", "gemm_workspace_bytes", "gemm_input_bytes", "weight_only_packed_bytes",
                     "weight_only_workspace_bytes"):
            getattr(self.library, name).restype = ctypes.c_int64

    def checked(self, function, *arguments):
        if getattr(self.library, function)(*arguments) != 0:
            raise RuntimeError(f"{function}: {self.library.gemm_error().decode()}")

    def row_for(self, problem):
        for row in range(self.library.gemm_row_count(1)):
            if self.library.gemm_takes(1, row, ctypes.byref(problem)):
                return row
        return None


def pointer(tensor):
    return ctypes.c_void_p(tensor.data_ptr())


def stream():
    return ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)


def plain_codes(face, x):
    """bf16 inputs as our quantization makes them int8, token by token."""
    codes = torch.empty(x.shape, dtype=torch.int8, device=x.device)
    scale = torch.empty(x.shape[0], device=x.device)
    row_sum = torch.empty(x.shape[0], dtype=torch.int32, device=x.device)
    face.checked("gemm_quantize", 1, pointer(x), BF16, ctypes.c_int64(x.shape[0]), ctypes.c_int64(x.shape[1]), PLAIN,
                 pointer(codes), pointer(scale), pointer(row_sum), stream())
    return codes


def fused_multiply_add(a, b, c):
    """fma(a, b, c) of float32 tensors, rounded once. The product is exact in float64; its sum with c is rounded to odd there,
    which leaves one rounding where 29 bits more are dropped."""
    product, addend = a.double() * b.double(), c.double()
    total = product + addend
    of_addend = total - product
    error = (product - (total - of_addend)) + (addend - of_addend)
    bits = total.view(torch.int64)
    step = torch.where((error > 0) == (total > 0), 1, -1)
    odd = torch.where((error != 0) & (bits & 1 == 0), bits + step, bits)
    return odd.view(torch.float64).float()


class Weight:
    """A random weight of one kind, packed, in enough copies to rotate over."""

    def __init__(self, face, kind, outputs, inputs, device):
        format_name, grain, group = kind
        self.face, self.kind, self.outputs, self.inputs = face, kind, outputs, inputs
        self.problem = Problem(0, outputs, inputs, group, FORMATS[format_name], GRAINS[grain], BF16)
        self.row = face.row_for(self.problem)
        if self.row is None:
            raise RuntimeError(face.library.gemm_error().decode())
        generator = torch.Generator(device=device).manual_seed(1)
        codes_there = {"int4": 16, "dint4": 16, "int8": 256}[format_name]
        middle = {"int4": 7, "dint4": 6, "int8": 127}[format_name]
        groups = 1 if grain == "channel" else inputs // group

        def integers(low, high, *shape):
            return torch.randint(low, high, shape, generator=generator, device=device, dtype=torch.int32)

        self.codes = integers(0, codes_there, outputs, inputs).to(torch.uint8)
        self.zero = integers(middle, middle + 2, outputs, groups).float()
        self.group_scale = integers(1, 10 if format_name == "dint4" else 16, outputs, groups).to(torch.int8)
        scales = groups if grain == "group" else 1
        self.scale = torch.rand(outputs, scales, generator=generator, device=device) * 0.01 + 0.001
        self.bytes = face.library.gemm_packed_bytes(1, self.row, ctypes.byref(self.problem))
        packed = torch.empty(self.bytes, dtype=torch.uint8, device=device)
        face.checked("gemm_pack", 1, self.row, ctypes.byref(self.problem), pointer(self.codes), pointer(self.scale),
                     pointer(self.zero), pointer(self.group_scale), pointer(packed), stream())
        self.packed = [packed] + [packed.clone() for _ in range(int(ROTATED_BYTES // self.bytes))]

    def integers(self, rows):
        """Rows of the weight as whole numbers (half steps for dINT4), float64."""
        format_name, grain, group = self.kind
        codes = self.codes[rows].double()
        width = self.inputs if grain == "channel" else group
        zero = self.zero[rows].double().repeat_interleave(width, 1)
        values = codes - zero
        if format_name == "dint4":
            values = torch.where(codes == 14, 1.0, torch.where(codes == 15, -1.0, 2 * values))
        if grain == "dual":
            values = values * self.group_scale[rows].double().repeat_interleave(width, 1)
        return values


class Ours:
    def __init__(self, face, weight, x, with_quantize):
        self.face, self.weight, self.x = face, weight, x
        tokens = x.shape[0]
        self.problem = Problem(tokens, weight.outputs, weight.inputs, weight.problem.group, weight.problem.format,
                               weight.problem.grain, BF16)
        self.layout = face.library.gemm_row_layout(1, weight.row)
        size = face.library.gemm_input_bytes(self.layout, ctypes.c_int64(tokens), ctypes.c_int64(weight.inputs))
        device = x.device
        self.values = torch.empty(size, dtype=torch.int8, device=device)
        self.scale = torch.empty(tokens, device=device)
        self.row_sum = torch.empty(tokens, dtype=torch.int32, device=device)
        self.y = torch.full((tokens, weight.outputs), float("nan"), dtype=torch.bfloat16, device=device)
        self.workspace = torch.zeros(face.library.gemm_workspace_bytes(1, weight.row, ctypes.byref(self.problem)),
                                     dtype=torch.uint8, device=device)
        self.with_quantize = with_quantize
        self.quantize()

    def quantize(self):
        tokens, inputs = self.x.shape
        self.face.checked("gemm_quantize", 1, pointer(self.x), BF16, ctypes.c_int64(tokens), ctypes.c_int64(inputs), self.layout,
                          pointer(self.values), pointer(self.scale), pointer(self.row_sum), stream())

    def __call__(self, i):
        if self.with_quantize:
            self.quantize()
        packed = self.weight.packed[i % len(self.weight.packed)]
        self.face.checked("gemm_run", 1, self.weight.row, ctypes.byref(self.problem), pointer(packed), pointer(self.values),
                          pointer(self.scale), pointer(self.row_sum), pointer(self.y), pointer(self.workspace), stream())

    def check(self):
        """Up to 192 outputs and 256 tokens against float64 sums, which are exact, and the contract's roundings."""
        tokens = torch.arange(self.x.shape[0], device=self.x.device)[-256:]
        rows = torch.randperm(self.weight.outputs, device=self.x.device)[:192]
        # A tensor to divide by: by a number, torch multiplies with its reciprocal on the GPU.
        scale = torch.clamp(self.x[tokens].float().abs().amax(1), min=1e-5) / torch.full((), 127.0, device=self.x.device)
        x = torch.clamp(torch.round(self.x[tokens].float() / scale[:, None]), -128, 127)
        weight = self.weight.integers(rows)
        steps = self.weight.scale[rows] * (0.5 if self.weight.kind[0] == "dint4" else 1.0)
        if self.weight.kind[1] == "group":
            total = torch.zeros(len(tokens), len(rows), device=self.x.device)
            for group, columns in enumerate(torch.arange(weight.shape[1], device=self.x.device).split(self.weight.kind[2])):
                sums = (x[:, columns].double() @ weight[:, columns].T).float()
                total = fused_multiply_add(sums, steps[:, group].expand_as(sums), total)
            expected = (total * scale[:, None]).bfloat16()
        else:
            sums = (x.double() @ weight.T).float()
            expected = ((sums * scale[:, None]) * steps[:, 0][None, :]).bfloat16()
        self.y.fill_(float("nan"))
        self(0)
        return bool(torch.equal(self.y[tokens][:, rows], expected))


class WeightOnlyWeight:
    """INT4 with float scales for 16-bit inputs, packed, in enough copies to rotate over."""

    def __init__(self, face, group, outputs, inputs, device):
        self.face, self.group, self.outputs, self.inputs = face, group, outputs, inputs
        self.problem = Problem(0, outputs, inputs, group, FORMATS["int4"], GRAINS["group" if group else "channel"], BF16)
        self.row = face.library.weight_only_row(1, ctypes.byref(self.problem))
        if self.row < 0:
            raise RuntimeError(face.library.gemm_error().decode())
        generator = torch.Generator(device=device).manual_seed(1)
        groups = inputs // group if group else 1
        self.codes = torch.randint(0, 16, (outputs, inputs), generator=generator, device=device, dtype=torch.uint8)
        self.zero = torch.randint(5, 11, (outputs, groups), generator=generator, device=device).float()
        self.scale = (torch.rand(outputs, groups, generator=generator, device=device) * 0.01 + 0.005).bfloat16().float()
        self.bytes = face.library.weight_only_packed_bytes(1, self.row, ctypes.byref(self.problem))
        packed = torch.empty(self.bytes, dtype=torch.uint8, device=device)
        face.checked("weight_only_pack", 1, self.row, ctypes.byref(self.problem), pointer(self.codes), pointer(self.scale),
                     pointer(self.zero), pointer(packed), stream())
        self.packed = [packed] + [packed.clone() for _ in range(int(ROTATED_BYTES // self.bytes))]

    def rows(self, index):
        """Real weights of some outputs, float64."""
        width = self.inputs // self.scale.shape[1]
        steps = self.codes[index].double() - self.zero[index].double().repeat_interleave(width, 1)
        return steps * self.scale[index].double().repeat_interleave(width, 1)


class WeightOnly:
    def __init__(self, weight, x, dense):
        self.weight, self.x, self.dense = weight, x, dense
        self.face = weight.face
        tokens = x.shape[0]
        self.problem = Problem(tokens, weight.outputs, weight.inputs, weight.group, weight.problem.format,
                               weight.problem.grain, BF16)
        self.y = torch.full((tokens, weight.outputs), float("nan"), dtype=torch.bfloat16, device=x.device)
        self.workspace = torch.zeros(
            self.face.library.weight_only_workspace_bytes(1, weight.row, ctypes.byref(self.problem)), dtype=torch.uint8,
            device=x.device)
        self.full = torch.empty(weight.outputs, weight.inputs, dtype=torch.bfloat16, device=x.device) if dense else None

    def __call__(self, i):
        packed = self.weight.packed[i % len(self.weight.packed)]
        if self.dense:
            self.face.checked("weight_only_expand", 1, self.weight.row, ctypes.byref(self.problem), pointer(packed),
                              pointer(self.full), stream())
            torch.matmul(self.x, self.full.T, out=self.y)
            return
        self.face.checked("weight_only_run", 1, self.weight.row, ctypes.byref(self.problem), pointer(packed), pointer(self.x),
                          pointer(self.y), pointer(self.workspace), stream())

    def check(self):
        """Up to 192 outputs and 64 tokens against float64, within gemm.h's weight_only_error and bf16's own rounding."""
        tokens = torch.arange(self.x.shape[0], device=self.x.device)[-64:]
        rows = torch.randperm(self.weight.outputs, device=self.x.device)[:192]
        weight, x = self.weight.rows(rows), self.x[tokens].double()
        expected, magnitude = x @ weight.T, x.abs() @ weight.abs().T
        self.y.fill_(float("nan"))
        self(0)
        error = (self.y[tokens][:, rows].double() - expected).abs()
        relative = 2.0**-8 if self.dense else (self.weight.inputs / 16 + 8) * 2.0**-22  # dense: a bf16 weight
        return bool((error <= relative * magnitude + expected.abs() * 2.0**-8).all())


class ExpandThenProduct:
    """A dual-grained weight written out in INT8 by one kernel and multiplied by cuBLASLt, int32 without scales."""

    NAME = "expand + lt int8"

    def __init__(self, lt, weight, xi, tokens):
        self.lt, self.weight, self.xi, self.tokens = lt, weight, xi, tokens
        outputs, inputs = weight.outputs, weight.inputs
        halves = weight.codes.view(outputs, inputs // 8, 2, 4)
        codes = (halves[:, :, 0] | halves[:, :, 1] << 4).contiguous()
        self.codes = [codes] + [codes.clone() for _ in range(int(ROTATED_BYTES // codes.numel()))]
        self.zero = weight.zero.to(torch.int8)
        self.values = torch.empty(outputs, inputs, dtype=torch.int8, device=xi.device)
        self.y = torch.empty(xi.shape[0], outputs, dtype=torch.int32, device=xi.device)
        self.expand(0)
        self.plan = lt.lt_int8_plan(ctypes.c_int64(tokens), ctypes.c_int64(outputs), ctypes.c_int64(inputs),
                                    pointer(self.values), pointer(xi), pointer(self.y), stream())
        if not self.plan:
            raise RuntimeError("cuBLASLt has no such product")

    def expand(self, i):
        error = self.lt.expand_int4(ctypes.c_int64(self.values.numel()), ctypes.c_int64(self.weight.problem.group),
                                    pointer(self.codes[i % len(self.codes)]), pointer(self.weight.group_scale),
                                    pointer(self.zero), pointer(self.values), stream())
        if error:
            raise RuntimeError(f"expand_int4: CUDA error {error}")

    def __call__(self, i):
        self.expand(i)
        self.lt.lt_int8_run(ctypes.c_void_p(self.plan), pointer(self.values), pointer(self.xi), pointer(self.y), stream())

    def check(self):
        """Every weight of up to 192 outputs, and their sums, against float64."""
        rows = torch.randperm(self.weight.outputs, device=self.xi.device)[:192]
        self.values.fill_(0)
        self.y.fill_(-1)
        self(0)
        expected = self.weight.integers(rows)
        sums = self.xi[:self.tokens].double() @ expected.T
        return bool(torch.equal(self.values[rows].double(), expected) and
                    torch.equal(self.y[:self.tokens][:, rows].double(), sums))

    def free(self):
        self.lt.lt_int8_free(ctypes.c_void_p(self.plan))


def read_rate(device):
    """Bytes per second of the fastest of torch's reads of 2 GiB."""
    words = torch.empty(1 << 29, dtype=torch.int32, device=device).random_()
    best = 0.0
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    floats = words.view(torch.bfloat16).view(1 << 15, -1)
    for read in (lambda: words.sum(), lambda: floats.amax(1), lambda: words.max(), lambda: words.view(1 << 12, -1).sum(1)):
        for _ in range(4):
            begin.record()
            read()
            end.record()
            end.synchronize()
            best = max(best, words.numel() * 4 / (begin.elapsed_time(end) * 1e-3))
    return best


def contenders(lt, face, weights, dense, x, names):
    """name -> call(i); weights: ours, by name; dense: the rivals' weights; face: whose codes the int8 rivals multiply."""
    tokens, inputs = x.shape
    outputs = dense["bf16"][0].shape[0]
    calls = {}
    y = torch.empty(tokens, outputs, dtype=torch.bfloat16, device=x.device)
    calls["bf16"] = lambda i: torch.matmul(x, dense["bf16"][i % len(dense["bf16"])].T, out=y)
    x8 = x.to(torch.float8_e4m3fn)
    one = torch.ones((), device=x.device)
    x_rows, w_rows = torch.ones(tokens, 1, device=x.device), torch.ones(1, outputs, device=x.device)
    calls["fp8 tensor"] = lambda i: torch._scaled_mm(x8, dense["fp8"][i % len(dense["fp8"])].T, one, one, out_dtype=torch.bfloat16,
                                                     use_fast_accum=True)
    calls["fp8 row"] = lambda i: torch._scaled_mm(x8, dense["fp8"][i % len(dense["fp8"])].T, x_rows, w_rows,
                                                  out_dtype=torch.bfloat16, use_fast_accum=True)
    padded = max(tokens, 24)  # torch._int_mm takes no fewer, cuBLASLt fours: tokens again
    xi = plain_codes(face, x).repeat(-(-padded // tokens), 1)[:padded].contiguous()
    calls["int_mm"] = lambda i: torch._int_mm(xi, dense["int8"][i % len(dense["int8"])].T)
    if lt is not None:
        yi = torch.empty(padded, outputs, dtype=torch.int32, device=x.device)
        lt_tokens = tokens if tokens % 4 == 0 else padded
        plan = lt.lt_int8_plan(ctypes.c_int64(lt_tokens), ctypes.c_int64(outputs), ctypes.c_int64(inputs),
                               pointer(dense["int8"][0]), pointer(xi), pointer(yi), stream())
        if plan:
            calls["lt int8"] = lambda i: lt.lt_int8_run(ctypes.c_void_p(plan), pointer(dense["int8"][i % len(dense["int8"])]),
                                                        pointer(xi), pointer(yi), stream())
            calls["lt int8"].free = lambda: lt.lt_int8_free(ctypes.c_void_p(plan))
            calls["lt int8"].keep = yi
        if "dual128" in weights and (not names or ExpandThenProduct.NAME in names):
            try:
                calls[ExpandThenProduct.NAME] = ExpandThenProduct(lt, weights["dual128"], xi, lt_tokens)
            except RuntimeError as error:
                print(f"{ExpandThenProduct.NAME}: {error}")
    for name, weight in weights.items():
        if isinstance(weight, humming_peer.HummingWeight):
            calls[name] = humming_peer.Humming(weight, x, False)
            if weight.activation == "int8":
                calls["quantize + " + name] = humming_peer.Humming(weight, x, True)
            continue
        if isinstance(weight, WeightOnlyWeight):
            calls[name] = WeightOnly(weight, x, False)
            if name == "w4a16 g128":
                calls[name + " dense"] = WeightOnly(weight, x, True)
            continue
        calls[name] = Ours(weight.face, weight, x, False)
        if name.endswith("dual128") and "dint4" not in name:
            calls[name.replace("dual128", "quantize + dual128")] = Ours(weight.face, weight, x, True)
    return {name: call for name, call in calls.items()
            if not names or name.split(": ")[-1] in names or (name.startswith("humming") and "humming" in names)}


def measure(calls, rounds, pause=0.0):
    """Medians and spread in microseconds per call, after one estimate of how many calls a graph needs. A pause before each
    measurement, with one replay behind it that is not timed, keeps the card below its power limit."""
    graphs, counts = {}, {}
    side = torch.cuda.Stream()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    with torch.cuda.stream(side):
        for name, call in list(calls.items()):
            try:
                for i in range(2):
                    call(i)
                begin.record()
                call(2)
                end.record()
                end.synchronize()
            except RuntimeError as error:
                print(f"  {name}: {str(error).splitlines()[0]}", flush=True)
                del calls[name]
                continue
            counts[name] = max(2, min(12, int(2500 / max(begin.elapsed_time(end) * 1e3, 1))))
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=side):
                for i in range(counts[name]):
                    call(i)
            graphs[name] = graph
        times = {name: [] for name in graphs}
        for graph in graphs.values():
            graph.replay()
        for _ in range(rounds):
            order = list(graphs)
            random.shuffle(order)
            for name in order:
                if pause > 0:
                    end.synchronize()
                    time.sleep(pause)
                    graphs[name].replay()
                begin.record()
                graphs[name].replay()
                end.record()
                end.synchronize()
                times[name].append(begin.elapsed_time(end) * 1e3 / counts[name])
    return {name: {**provenance.spread(values), "rounds": len(values), "calls": counts[name]} for name, values in times.items()}


def card_state():
    fields = "name,driver_version,clocks.sm,clocks.max.sm,power.draw,power.limit,temperature.gpu"
    answer = subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"], capture_output=True, text=True,
                            check=False)
    return dict(zip(fields.split(","), answer.stdout.strip().split(", ")))


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else float("nan")


def summarize(record, rivals=("bf16", "fp8 tensor", "fp8 row", "lt int8", "int_mm", ExpandThenProduct.NAME)):
    cells = record["cells"]
    names = list(dict.fromkeys(name for cell in cells for name in cell["us"] if name not in rivals))
    for cell in cells:
        if cell["tokens"] > 16:
            continue
        shares = {name: size / (cell["us"][name]["median"] * 1e-6) / record["read_bytes_per_second"]
                  for name, size in cell["weight_bytes"].items() if name in cell["us"]}
        print(f"{cell['shape']:11s} M={cell['tokens']}, {cell['outputs'] * cell['inputs'] / 1e6:.0f} M weights, share of read: " +
              "  ".join(f"{name} {share:.2f}" for name, share in shares.items()), flush=True)
    for tokens in sorted({cell["tokens"] for cell in cells}):
        here = [cell for cell in cells if cell["tokens"] == tokens]
        for name in names:
            ratios = []
            for rival in rivals:
                pairs = [cell["us"][rival]["median"] / cell["us"][name]["median"] for cell in here
                         if rival in cell["us"] and name in cell["us"]]
                ratios.append(f"{rival} {geometric_mean(pairs):.2f}")
            print(f"M={tokens:5d} {name:20s} x " + "  ".join(ratios), flush=True)
        all_us = [us for cell in here for us in cell["us"].values()]
        wide = sorted((us["p90"] - us["p10"]) / us["median"] for us in all_us)
        rounds, calls = (min(us[what] for us in all_us) for what in ("rounds", "calls"))
        print(f"M={tokens:5d} at least {rounds} rounds of {calls} calls; p10 to p90 {100 * wide[len(wide) // 2]:.1f} % of the "
              f"median, at most {100 * wide[-1]:.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=FOLDER", help="another build, in the same rounds")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--tokens", default="1,16,64,256,2048,8192")
    parser.add_argument("--only", default="", help="names of contenders, comma separated")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after the cell that passes this")
    parser.add_argument("--pause", type=float, default=0, metavar="SECONDS", help="before each measurement: bursts, not a load that lasts")
    parser.add_argument("--commit", default="", help="that the libraries were built from; the checkout's where this is not given")
    parser.add_argument("--humming", action="store_true", help="with the public package humming-kernels, where it is installed")
    parser.add_argument("--repeats", type=int, default=0, help="runs that must be bit-identical, per kind and shape")
    arguments = parser.parse_args()
    start = time.monotonic()
    faces = {"": Face(arguments.libraries)}
    for other in arguments.beside:
        name, folder = other.split("=", 1)
        faces[name + ": "] = Face(pathlib.Path(folder).resolve())
    try:
        lt = ctypes.CDLL(str(arguments.libraries / "libgraticule_cublaslt_face.so"))
        lt.lt_int8_plan.restype = ctypes.c_void_p
    except OSError as error:
        print(f"no cuBLASLt: {error}")
        lt = None
    device = torch.device("cuda")
    kinds = {"channel": ("int4", "channel", 0), "dual128": ("int4", "dual", 128), "dual64": ("int4", "dual", 64),
             "group128": ("int4", "group", 128), "dint4 channel": ("dint4", "channel", 0),
             "dint4 dual128": ("dint4", "dual", 128), "dint4 group128": ("dint4", "group", 128), "w8a8": ("int8", "channel", 0)}
    names = set(filter(None, arguments.only.split(",")))
    record = {**provenance.of_run(arguments.commit), "before": card_state(), "torch": torch.__version__, "pause_s": arguments.pause,
              "repeats": arguments.repeats, "cells": []}
    record["read_bytes_per_second"] = read_rate(device)
    print(f"torch reads at {record['read_bytes_per_second'] / 1e12:.3f} TB/s", flush=True)
    rivals = []
    if arguments.humming:
        record["humming"], why = humming_peer.available()
        rivals = list(humming_peer.KINDS) if record["humming"] else []
        print(f"humming-kernels {record['humming'] or 'is not here: ' + why}", flush=True)
    tokens_of_all = [int(tokens) for tokens in arguments.tokens.split(",")]
    wrong = 0
    for shape in arguments.shapes.split(","):
        outputs, inputs = SHAPES[shape]
        weights = {}
        for name, kind in kinds.items():
            wanted = {name, "quantize + " + name} | ({ExpandThenProduct.NAME} if name == "dual128" else set())
            if names and not wanted & names:
                continue
            for build, face in faces.items():
                try:
                    weights[build + name] = Weight(face, kind, outputs, inputs, device)
                except RuntimeError as error:
                    print(f"{build}{name}: {error}")
        for name, group in (("w4a16 channel", 0), ("w4a16 g128", 128), ("w4a16 g64", 64)):
            if not names or name in names or name + " dense" in names:
                weights[name] = WeightOnlyWeight(faces[""], group, outputs, inputs, device)
        for name in rivals:
            try:
                weights[name] = humming_peer.HummingWeight(name, outputs, inputs, ROTATED_BYTES, device)
                humming_peer.compile_all([weights[name]], tokens_of_all)
            except Exception as error:  # a peer that falls out is said and left out
                print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
                weights.pop(name, None)
        one = torch.randn(outputs, inputs, device=device, dtype=torch.bfloat16)
        dense = {"bf16": [one]}
        dense["fp8"] = [one.to(torch.float8_e4m3fn)]
        dense["int8"] = [torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8, device=device)]
        for copies in dense.values():
            size = copies[0].numel() * copies[0].element_size()
            copies += [copies[0].clone() for _ in range(int(ROTATED_BYTES // size))]
        for tokens in tokens_of_all:
            x = torch.randn(tokens, inputs, device=device).bfloat16()
            calls = contenders(lt, faces[""], weights, dense, x, names)
            checks, repeated = {}, {}
            for name, call in calls.items():
                if hasattr(call, "check"):
                    checks[name] = call.check()
                    wrong += checks[name] is False
                    if arguments.repeats and isinstance(call, (Ours, WeightOnly)):
                        call(0)
                        first = call.y.clone()
                        repeated[name] = True
                        for _ in range(arguments.repeats):
                            call.y.fill_(float("nan"))
                            call(0)
                            if not torch.equal(call.y, first):
                                print(f"{shape} M={tokens} {name}: runs differ", flush=True)
                                repeated[name] = False
                                wrong += 1
                                break
            torch.cuda.synchronize()
            us = measure(calls, arguments.rounds if tokens < 2048 else max(5, arguments.rounds // 2), arguments.pause)
            record["cells"].append({"shape": shape, "outputs": outputs, "inputs": inputs, "tokens": tokens, "us": us,
                                    "exact": checks, "same_bits": repeated,
                                    "weight_bytes": {name: weight.bytes for name, weight in weights.items()}})
            print(f"{shape:11s} {outputs}x{inputs} M={tokens}: " +
                  "  ".join(f"{name} {value['median']:.1f}" for name, value in us.items()) +
                  ("" if all(check is not False for check in checks.values()) else f"  WRONG {checks}"), flush=True)
            for call in calls.values():
                if hasattr(call, "free"):
                    call.free()
            del calls
            if arguments.out:
                arguments.out.write_text(json.dumps(record, indent=1))
            if time.monotonic() - start > arguments.seconds:
                break
        del weights, dense, one
        torch.cuda.empty_cache()
        if time.monotonic() - start > arguments.seconds:
            print("stopped by --seconds", flush=True)
            break
    record["after"] = card_state()
    if arguments.out:
        arguments.out.write_text(json.dumps(record, indent=1))
    summarize(record)
    print(f"wrong: {wrong}; {time.monotonic() - start:.0f} s; {record['before']} {record['after']}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
