"""Humming (PyPI humming-kernels, Apache-2.0) as a contender of bench_gemm.py: the newest public kernels of this kind.

The package is not part of Graticule and nothing of it is copied here: install it where the benchmark runs, with
filelock, jinja2 and tabulate; a wheel that was only unpacked needs its compiler made executable
(chmod +x humming/**/nvrtc_compile). Its tuning is its own choice for every shape ("heuristics").
"""
import json
import pathlib
from concurrent.futures import ThreadPoolExecutor

import torch

# name: weight codes, inputs, group (0: per output), zero points, whether group scales are integers
KINDS = {"humming channel": ("uint4", "int8", 0, False, False),
         "humming g128": ("uint4", "int8", 128, False, False),
         "humming g128 zeros integer scales": ("uint4", "int8", 128, True, True),
         "humming w4a16 g128": ("uint4", "bfloat16", 128, False, False),
         "humming w4a16 g128 zeros": ("uint4", "bfloat16", 128, True, False)}
LARGEST_ERROR = 2e-2  # of a norm; its parts of sums are added in bf16


def available():
    """The package's version, or None and why not."""
    try:
        import humming
        import importlib.metadata
        for compiler in pathlib.Path(humming.__file__).parent.rglob("nvrtc_compile"):
            if not compiler.stat().st_mode & 0o111:
                compiler.chmod(0o755)
        return importlib.metadata.version("humming-kernels"), ""
    except Exception as error:  # a benchmark goes on without one of its peers
        return None, f"{type(error).__name__}: {error}"


def nibbles(codes):
    """Codes of four bits along the last axis into 32-bit words, lowest bits first."""
    words = codes.reshape(*codes.shape[:-1], -1, 8).to(torch.int64)
    shifts = torch.arange(0, 32, 4, device=codes.device)
    packed = (words << shifts).sum(-1)
    return torch.where(packed >= 1 << 31, packed - (1 << 32), packed).to(torch.int32)


class HummingWeight:
    """A random weight of one kind in the package's layout, in enough copies to rotate over."""

    def __init__(self, name, outputs, inputs, rotated_bytes, device):
        from humming.schema import HummingInputSchema, HummingWeightSchema
        from humming.transform import prepare_and_transform_humming_tensors
        weight, activation, group, zeros, integer_scales = KINDS[name]
        self.inputs, self.activation = inputs, activation
        generator = torch.Generator(device=device).manual_seed(2)
        groups = inputs // group if group else 1
        self.codes = torch.randint(0, 16, (outputs, inputs), dtype=torch.uint8, device=device, generator=generator)
        self.scale = (torch.rand(outputs, groups, device=device, generator=generator) * 0.01 + 0.005).bfloat16()
        tensors = {"weight": nibbles(self.codes), "weight_scale": self.scale}
        self.zero = None
        if zeros:
            self.zero = torch.randint(4, 12, (outputs, groups), dtype=torch.uint8, device=device, generator=generator)
            tensors["zero_point"] = nibbles(self.zero.t().contiguous()).t().contiguous()
        self.config, made = prepare_and_transform_humming_tensors(
            tensors, shape_n=outputs, shape_k=inputs,
            weight_schema=HummingWeightSchema(b_dtype=weight, bs_dtype="bfloat16", weight_scale_group_size=group,
                                              weight_scale_group_size_n=1 if integer_scales else 0, has_zero_point=zeros),
            input_schema=HummingInputSchema(a_dtype=activation), torch_dtype=torch.bfloat16, device=device)
        made = {key: made[key] for key in ("weight", "weight_scale", "zero_point", "weight_scale_2") if key in made}
        self.bytes = sum(tensor.numel() * tensor.element_size() for tensor in made.values())
        self.copies = [made] + [{key: tensor.clone() for key, tensor in made.items()}
                                for _ in range(int(rotated_bytes // self.bytes))]
        for copy in self.copies:
            copy["locks"] = torch.zeros(2048, dtype=torch.int32, device=device)

    def tuning(self, tokens):
        from humming.tune import get_heuristics_config
        return get_heuristics_config(self.config, shape_m=tokens)

    def compile(self, tokens):
        from humming.kernel.humming import HummingKernel
        HummingKernel.prepare_kernels(self.config.to_str(), None, json.dumps(self.tuning(tokens)))

    def rows(self, index):
        """Real weights of some outputs, float64."""
        width = self.inputs // self.scale.shape[1]
        zero = self.zero[index].double().repeat_interleave(width, 1) if self.zero is not None else 8.0
        return (self.codes[index].double() - zero) * self.scale[index].double().repeat_interleave(width, 1)


class Humming:
    """A product, or with `quantize` the quantization of its inputs and the product."""

    def __init__(self, weight, x, quantize):
        from humming.forward import may_quant_input
        self.weight, self.x, self.with_quantize = weight, x, quantize
        self.tuning = weight.tuning(x.shape[0])
        self.y = torch.full((x.shape[0], weight.codes.shape[0]), float("nan"), dtype=torch.bfloat16, device=x.device)
        self.quantized, self.scale = may_quant_input(weight.config, x)

    def __call__(self, i):
        from humming.forward import humming_forward
        inputs, scale = (self.x, None) if self.with_quantize else (self.quantized, self.scale)
        humming_forward(self.weight.config, inputs=inputs, input_scale=scale, outputs=self.y, tuning_config=self.tuning,
                        **self.weight.copies[i % len(self.weight.copies)])

    def check(self):
        """Whether the error on up to 64 tokens and 128 outputs is small; its sums are not reproducible to the bit."""
        tokens = torch.arange(self.x.shape[0], device=self.x.device)[-64:]
        rows = torch.randperm(self.weight.codes.shape[0], device=self.x.device)[:128]
        x = self.quantized[tokens].double()
        if self.scale is not None:
            x = x * self.scale.view(self.x.shape[0], -1)[tokens].double()
        expected = x @ self.weight.rows(rows).T
        self.y.fill_(float("nan"))
        self(0)
        error = (self.y[tokens][:, rows].double() - expected).norm() / expected.norm()
        return bool(error < LARGEST_ERROR)


def compile_all(weights, tokens):
    """Every kernel that is going to be timed, on all cores."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda job: job[0].compile(job[1]), [(weight, count) for weight in weights for count in tokens]))
