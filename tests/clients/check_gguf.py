#!/usr/bin/env python3
"""GGUF files that graticule writes, read by llama.cpp's own Python package: names, metadata, tokenizer, every value.

    check_gguf.py --cli graticule-cli --work FOLDER

Tensor names come from the package's own table, values from its dequantization, and both are compared with the model's
safetensors and with our dequantized weights, bit for bit. Needs `gguf` of PyPI (packaging/deps/install.sh --clients); exit code 77
without it, 1 with GRATICULE_REQUIRE_CLIENTS=1.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess

from skipping import skip

try:
    import gguf
    import numpy as np
    from gguf.quants import dequantize
except ImportError as error:
    skip(f"gguf or numpy cannot be imported ({error})")

from safetensors_file import tensors

ROOT = pathlib.Path(__file__).parents[2]
ARCHITECTURES = {"llama": "LLAMA", "mistral": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3", "gemma2": "GEMMA2", "phi3": "PHI3",
                 "gpt2": "GPT2"}
# recipe -> the type of the linears, where their widths allow it
RECIPES = {
    "w=int4/sym/g32:f16": "Q4_0", "w=int3/asym/g64:f16": "Q4_0", "w=int4/asym/g32:f16": "Q5_0", "w=int4/asym/g32:e4m3": "Q4_1",
    "w=int5/asym/g32:e4m3": "Q5_1", "w=int5/sym/g32:f16": "Q5_0", "w=int8/sym/g32:f16": "Q8_0", "w=dint3/asym/g32:f16": "Q5_0",
    "w=dint4/asym/g32:f16": "Q8_0", "w=mxfp4": "MXFP4", "w=int6/sym/channel:f16": "Q6_K", "w=dint4/asym/channel:f16": "Q6_K",
    "w=int4/asym/dual32:f16": "Q6_K", "w=int4/asym/dual128:f16": "Q6_K",
}


def safetensors(path):
    for name, values in tensors(path):
        if values.dtype == np.uint16:  # bfloat16
            values = (values.astype(np.uint32) << 16).view(np.float32)
        assert values.dtype in (np.float32, np.float16), name
        yield name, values.astype(np.float32)


def neighbours(rows, heads):
    """What llama.cpp's converter does to the rows of q and k."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def expected_tensors(folder, config, weights):
    """The model's tensors under Hugging Face names, quantized ones as we dequantize them, as the file should hold them."""
    model = dict(safetensors(folder / "model.safetensors"))
    kind = config["model_type"]
    if kind == "gpt2":  # Conv1D
        model = {name: value.T if value.ndim == 2 and ".h." in name else value for name, value in model.items()}
    pieces = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj"),
              "c_attn": ("q_proj", "k_proj", "v_proj")}
    for name in model:
        base, part = name[:-len(".weight")], name.rsplit(".", 2)[-2]
        if name in weights:
            model[name] = weights[name]
        elif name.endswith(".weight") and part in pieces:
            parts = [base[:-len(part)] + piece + ".weight" for piece in pieces[part]]
            if parts[0] in weights:
                model[name] = np.concatenate([weights[p] for p in parts])
    heads = config.get("num_attention_heads")
    keys = config.get("num_key_value_heads", heads)
    for name, value in model.items():
        if kind == "gemma2" and name.endswith("norm.weight"):
            model[name] = value + np.float32(1)
        if kind in ("llama", "mistral"):
            if ".q_proj." in name:
                model[name] = neighbours(value, heads)
            if ".k_proj." in name:
                model[name] = neighbours(value, keys)
    if config.get("tie_word_embeddings", kind in ("gpt2", "gemma2")):
        model.pop("lm_head.weight", None)
    return {name: value for name, value in model.items()
            if not name.endswith((".attn.bias", ".masked_bias", ".inv_freq"))}


def field(reader, key):
    return reader.fields[key].contents()


def check_metadata(reader, config, blocks):
    arch = field(reader, "general.architecture")
    wanted = {"block_count": blocks, "embedding_length": config.get("hidden_size", config.get("n_embd")),
              "attention.head_count": config.get("num_attention_heads", config.get("n_head"))}
    if "num_key_value_heads" in config:
        wanted["attention.head_count_kv"] = config["num_key_value_heads"]
    for key, value in wanted.items():
        assert field(reader, f"{arch}.{key}") == value, (key, field(reader, f"{arch}.{key}"), value)
    assert field(reader, "general.quantization_version") == 2
    assert json.loads(field(reader, "graticule.provenance"))["model_hash"]


def check_tokenizer(reader, folder):
    document = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = document["model"]["vocab"]
    tokens = field(reader, "tokenizer.ggml.tokens")
    assert all(tokens[number] == token for token, number in vocabulary.items())
    kinds = field(reader, "tokenizer.ggml.token_type")
    assert len(kinds) == len(tokens) == json.loads((folder / "config.json").read_text())["vocab_size"]
    for token in document["added_tokens"]:
        assert kinds[token["id"]] in (2, 3, 4), token
    assert field(reader, "tokenizer.ggml.add_bos_token") is True and field(reader, "tokenizer.ggml.bos_token_id") == 1


def check(cli, work, folder, recipe, kind):
    config = json.loads((folder / "config.json").read_text())
    out, reference = work / "out", work / "reference.safetensors"
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([cli, "export", str(folder), "--recipe", recipe, "--exporter", "gguf", "--out", str(out), "-q"],
                          capture_output=True, text=True)
    if kind is None and any(text in done.stderr for text in ("no multiple of", "does not divide")):
        return 0  # the family's fixture is too narrow for the blocks; the sample is not
    assert done.returncode == 0, (folder.name, recipe, done.stderr)
    subprocess.run([cli, "quantize", str(folder), "--recipe", recipe, "--weights-only", "--dequantized", str(reference), "-q"],
                   check=True, stdout=subprocess.DEVNULL)
    weights = {name: value for name, value in safetensors(reference) if name.endswith(".weight")}
    reader = gguf.GGUFReader(out / "model.gguf")
    blocks = config.get("num_hidden_layers", config.get("n_layer"))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[ARCHITECTURES[config["model_type"]]], blocks)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    check_metadata(reader, config, blocks)
    if (folder / "tokenizer.json").exists():
        check_tokenizer(reader, folder)
    expected = expected_tensors(folder, config, weights)
    types = set()
    for name, value in expected.items():
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert gguf_name, name
        tensor = stored.pop(gguf_name)
        got = dequantize(tensor.data, tensor.tensor_type) if tensor.tensor_type not in (
            gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16) else tensor.data.astype(np.float32)
        assert got.shape == value.shape, (gguf_name, got.shape, value.shape)
        assert (got == value).all(), (folder.name, recipe, gguf_name, np.abs(got - value).max())
        if value.ndim == 1:
            assert tensor.tensor_type == gguf.GGMLQuantizationType.F32, gguf_name
        if gguf_name.startswith("blk.") and value.ndim == 2:
            types.add(tensor.tensor_type.name)
    left = [name for name in stored if not name.startswith("rope_")]
    assert not left, left
    # Q6_K wants rows of whole super-blocks: the families' narrow layers may be Q8_0 beside it.
    assert types == {kind} if kind else types <= {RECIPES[recipe], "Q8_0"}, (folder.name, recipe, types)
    return len(expected)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cli", required=True)
    options.add_argument("--work", required=True, type=pathlib.Path)
    args = options.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    compared = 0
    for recipe, kind in RECIPES.items():
        compared += check(args.cli, args.work, ROOT / "resources" / "samples" / "sample-llama", recipe, kind)
    shared = pathlib.Path(os.environ.get("GRATICULE_SHARED", ROOT / ".." / "shared")) / "fixtures" / "families"
    families = [folder for folder in sorted(shared.glob("*"))
                if json.loads((folder / "config.json").read_text())["model_type"] in ARCHITECTURES]
    if not families:
        print(f"left out: the families of {shared}, which is not there", flush=True)
    for folder in families:
        of_family = [check(args.cli, args.work, folder, recipe, None) for recipe in RECIPES]
        assert sum(of_family) > 0, folder
        compared += sum(of_family)
    print(f"{compared} tensors of GGUF files, in {len(families)} families and the sample, are the models', bit for bit")


main()
