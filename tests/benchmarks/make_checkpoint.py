#!/usr/bin/env python3
"""Makes a checkpoint of any shape: random weights, with the outlier channels that real models have.

    make_checkpoint.py /tmp/7b --shape 7b                         # LLaMA-7B's shape, bfloat16, 13.5 GB
    make_checkpoint.py /tmp/moe --family mixtral --width 512 --blocks 4 --experts 8 --shards 3 --dtype f16

A few channels of every norm are scaled up by powers of two and the columns of the linears that read them down by the same
factor, which leaves the function as it was (bit for bit but in float16, whose range is short). The same arguments give the same bytes on every machine. Values
are made and written in pieces of a few megabytes by all cores; nothing larger is in memory. Needs NumPy only.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import sys
from dataclasses import dataclass, field

import numpy

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "resources" / "samples"
PIECE = 1 << 21  # values made at once
DTYPES = {"bf16": ("BF16", 2, "bfloat16"), "f16": ("F16", 2, "float16"), "f32": ("F32", 4, "float32")}
# width, MLP width, blocks, heads, key-value heads, vocabulary
SHAPES = {
    "tiny": (256, 768, 2, 4, 2, 5120),
    "1b": (2048, 5632, 22, 32, 4, 32000),
    "7b": (4096, 11008, 32, 32, 32, 32000),
    "8b": (4096, 14336, 32, 32, 8, 128256),
    "13b": (5120, 13824, 40, 40, 40, 32000),
    "70b": (8192, 28672, 80, 64, 8, 32000),
}
OUTLIER_FACTORS = (16, 32, 64)


@dataclass
class Tensor:
    name: str
    shape: tuple
    std: float = 0.0  # of normal values; 0: every value is `constant`
    constant: float = 0.0
    rows_scaled: str = ""  # the site whose outlier factors multiply it (norms)
    columns_scaled: str = ""  # the site whose outlier factors divide its columns (linears)
    shard: int = 0
    begin: int = 0  # in the shard's file

    @property
    def size(self):
        return int(numpy.prod(self.shape))


@dataclass
class Checkpoint:
    config: dict
    tensors: list = field(default_factory=list)

    def norm(self, name, width, site="", bias=False):
        self.tensors.append(Tensor(name + ".weight", (width,), constant=1.0, rows_scaled=site))
        if bias:
            self.tensors.append(Tensor(name + ".bias", (width,), std=0.05, rows_scaled=site))

    def linear(self, name, outputs, inputs, site="", bias=False, gain=1.0):
        self.tensors.append(Tensor(name + ".weight", (outputs, inputs), std=gain * inputs**-0.5, columns_scaled=site))
        if bias:
            self.tensors.append(Tensor(name + ".bias", (outputs,), std=0.05))


def shared_config(a, architecture, model_type):
    return {"architectures": [architecture], "model_type": model_type, "dtype": DTYPES[a.dtype][2], "hidden_size": a.width,
            "num_hidden_layers": a.blocks, "num_attention_heads": a.heads, "vocab_size": a.vocabulary,
            "max_position_embeddings": a.positions, "bos_token_id": 1, "eos_token_id": 2, "use_cache": True}


def attention(made, a, block, names, bias=False):
    head = a.width // a.heads
    for role, outputs in zip("qkv", (a.width, a.kv_heads * head, a.kv_heads * head)):
        made.linear(f"{block}self_attn.{role}_proj", outputs, a.width, site="attention", bias=bias)
    made.linear(f"{block}self_attn.{names}", a.width, a.width, bias=bias and names == "out_proj", gain=(2 * a.blocks)**-0.5)


def llama_like(a, architecture, model_type, qkv_bias=False, experts=0, **more):
    config = shared_config(a, architecture, model_type) | {
        "intermediate_size": a.mlp, "num_key_value_heads": a.kv_heads, "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}} | more
    made = Checkpoint(config)
    made.tensors.append(Tensor("model.embed_tokens.weight", (a.vocabulary, a.width), std=1.0))
    for i in range(a.blocks):
        block = f"model.layers.{i}."
        made.norm(block + "input_layernorm", a.width, "attention")
        attention(made, a, block, "o_proj", qkv_bias)
        made.norm(block + "post_attention_layernorm", a.width, "mlp")
        if experts:
            made.linear(block + "block_sparse_moe.gate", experts, a.width, site="mlp")
        for place, names in ([(f"{block}block_sparse_moe.experts.{e}.", ("w1", "w3", "w2")) for e in range(experts)]
                             or [(block + "mlp.", ("gate_proj", "up_proj", "down_proj"))]):
            made.linear(place + names[0], a.mlp, a.width, site="mlp")
            made.linear(place + names[1], a.mlp, a.width, site="mlp")
            made.linear(place + names[2], a.width, a.mlp, gain=(2 * a.blocks)**-0.5)
    made.norm("model.norm", a.width)
    made.linear("lm_head", a.vocabulary, a.width)
    return made


def opt(a):
    made = Checkpoint(shared_config(a, "OPTForCausalLM", "opt") | {
        "ffn_dim": a.mlp, "word_embed_proj_dim": a.width, "activation_function": "relu", "do_layer_norm_before": True,
        "enable_bias": True, "layer_norm_elementwise_affine": True, "tie_word_embeddings": True, "dropout": 0.0,
        "attention_dropout": 0.0, "layerdrop": 0.0, "pad_token_id": 1, "bos_token_id": 2})
    made.tensors.append(Tensor("model.decoder.embed_tokens.weight", (a.vocabulary, a.width), std=a.width**-0.5))
    made.tensors.append(Tensor("model.decoder.embed_positions.weight", (a.positions + 2, a.width), std=a.width**-0.5))
    for i in range(a.blocks):
        block = f"model.decoder.layers.{i}."
        made.norm(block + "self_attn_layer_norm", a.width, "attention", bias=True)
        attention(made, a, block, "out_proj", bias=True)
        made.norm(block + "final_layer_norm", a.width, "mlp", bias=True)
        made.linear(block + "fc1", a.mlp, a.width, site="mlp", bias=True)
        made.linear(block + "fc2", a.width, a.mlp, bias=True, gain=(2 * a.blocks)**-0.5)
    made.norm("model.decoder.final_layer_norm", a.width, bias=True)
    return made


FAMILIES = {
    "llama": lambda a: llama_like(a, "LlamaForCausalLM", "llama"),
    "mistral": lambda a: llama_like(a, "MistralForCausalLM", "mistral", sliding_window=None),
    "qwen2": lambda a: llama_like(a, "Qwen2ForCausalLM", "qwen2", qkv_bias=True),
    "mixtral": lambda a: llama_like(a, "MixtralForCausalLM", "mixtral", experts=a.experts, sliding_window=None,
                                    num_local_experts=a.experts, num_experts_per_tok=min(2, a.experts)),
    "opt": opt,
}


def outlier_factors(a):
    """Per site one factor for each channel; the same channels in every block, as in real models."""
    factors = {}
    for i, site in enumerate(("attention", "mlp")):
        random = numpy.random.Generator(numpy.random.SFC64([a.seed, 1, i]))
        factors[site] = numpy.ones(a.width, numpy.float32)
        channels = random.choice(a.width, min(a.outliers, a.width), replace=False)
        factors[site][channels] = random.choice(OUTLIER_FACTORS, channels.size)
    return factors


def stored(values, dtype):
    if dtype == "bf16":  # round to nearest even, by hand: NumPy has no bfloat16
        bits = values.view(numpy.uint32)
        return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(numpy.uint16)
    return values.astype(numpy.float16 if dtype == "f16" else numpy.float32)


def piece_values(tensor, index, first_row, rows, seed):
    columns = tensor.shape[-1] if len(tensor.shape) > 1 else 1
    if tensor.std == 0:
        values = numpy.full((rows, columns), tensor.constant, numpy.float32)
    else:
        random = numpy.random.Generator(numpy.random.SFC64([seed, 2, index, first_row]))
        values = random.standard_normal((rows, columns), numpy.float32)
        values *= numpy.float32(tensor.std)
    return values


def plan_files(a, tensors, folder):
    """Shares the tensors out over the shards in order, writes the headers, and returns the files open for writing."""
    name, width, _ = DTYPES[a.dtype]
    total = sum(t.size for t in tensors) * width
    names = (["model.safetensors"] if a.shards == 1 else
             [f"model-{i + 1:05d}-of-{a.shards:05d}.safetensors" for i in range(a.shards)])
    done = 0
    for tensor in tensors:
        tensor.shard = min(a.shards - 1, done * a.shards // total)
        done += tensor.size * width
    files = []
    for shard, file_name in enumerate(names):
        header, at = {"__metadata__": {"format": "pt"}}, 0
        mine = [t for t in tensors if t.shard == shard]
        for tensor in mine:
            header[tensor.name] = {"dtype": name, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.size * width]}
            tensor.begin = at
            at += tensor.size * width
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        for tensor in mine:
            tensor.begin += 8 + len(text)
        descriptor = os.open(folder / file_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.ftruncate(descriptor, 8 + len(text) + at)
        os.pwrite(descriptor, len(text).to_bytes(8, "little") + text, 0)
        files.append(descriptor)
    if a.shards > 1:
        weight_map = {t.name: names[t.shard] for t in tensors}
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=1))
    return files


def write_weights(a, tensors, folder):
    factors = outlier_factors(a)
    width = DTYPES[a.dtype][1]
    files = plan_files(a, tensors, folder)

    def write(index, first_row, rows):
        tensor = tensors[index]
        columns = tensor.shape[-1] if len(tensor.shape) > 1 else 1
        values = piece_values(tensor, index, first_row, rows, a.seed)
        if tensor.columns_scaled:
            values /= factors[tensor.columns_scaled]
        if tensor.rows_scaled:
            values *= factors[tensor.rows_scaled][first_row:first_row + rows, None]
        data = memoryview(stored(values, a.dtype)).cast("B")
        at = tensor.begin + first_row * columns * width
        while data:
            written = os.pwrite(files[tensor.shard], data, at)
            data, at = data[written:], at + written

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = []
        for index, tensor in enumerate(tensors):
            columns = tensor.shape[-1] if len(tensor.shape) > 1 else 1
            step = max(1, PIECE // columns)
            for first in range(0, tensor.shape[0], step):
                waiting.append(pool.submit(write, index, first, min(step, tensor.shape[0] - first)))
        for piece in concurrent.futures.as_completed(waiting):
            piece.result()
    for descriptor in files:
        os.close(descriptor)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="folder to make; must not be there")
    parser.add_argument("--family", choices=FAMILIES, default="llama")
    parser.add_argument("--shape", choices=SHAPES, default="tiny", help="sizes to start from")
    for name in ("width", "mlp", "blocks", "heads", "kv-heads", "vocabulary"):
        parser.add_argument("--" + name, type=int, help="instead of the shape's")
    parser.add_argument("--positions", type=int, default=4096)
    parser.add_argument("--experts", type=int, default=8, help="of mixtral")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--outliers", type=int, default=6, help="channels scaled up at every norm")
    parser.add_argument("--tokenizer", type=pathlib.Path, help="folder to copy it from (the sample of the family)")
    a = parser.parse_args(arguments)
    for name, value in zip(("width", "mlp", "blocks", "heads", "kv_heads", "vocabulary"), SHAPES[a.shape]):
        if getattr(a, name) is None:
            setattr(a, name, value)
    if a.family == "opt":  # no grouped heads there
        a.kv_heads = a.heads
    for name in ("width", "mlp", "blocks", "heads", "kv_heads", "vocabulary", "positions", "experts", "shards"):
        if getattr(a, name) < 1:
            parser.error(f"--{name.replace('_', '-')} {getattr(a, name)}: at least 1")
    if a.width % a.heads or a.heads % a.kv_heads:
        parser.error(f"{a.heads} heads do not divide width {a.width}, or {a.kv_heads} key-value heads do not divide them")
    return a


def make(arguments):
    a = parse(arguments)
    if a.out.exists():
        sys.exit(f"{a.out} is there already; remove it or name another folder")
    made = FAMILIES[a.family](a)
    total = sum(t.size for t in made.tensors) * DTYPES[a.dtype][1]
    a.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(a.out.absolute().parent).free
    if total > free:
        sys.exit(f"{a.out}: {total} bytes are needed, {free} are free")
    aside = a.out.with_name(a.out.name + ".partial")
    aside.mkdir()
    try:
        write_weights(a, made.tensors, aside)
        (aside / "config.json").write_text(json.dumps(made.config, indent=2) + "\n")
        tokenizer = a.tokenizer or SAMPLES / ("sample-opt" if a.family == "opt" else "sample-llama")
        for file in tokenizer.iterdir():
            if file.name.startswith(("tokenizer", "special_tokens", "vocab", "merges")):
                shutil.copy(file, aside)
        aside.rename(a.out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return total


if __name__ == "__main__":
    print(f"{make(sys.argv[1:])} bytes of weights")
