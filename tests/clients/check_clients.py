#!/usr/bin/env python3
"""Loads what graticule-cli exports into transformers with compressed-tensors on the CPU, as a stranger would.

Usage: check_clients.py --cli PROGRAM --work FOLDER [--packages FOLDER] [--target NAME] [--only WORD]

`--packages`: where transformers and compressed-tensors are taken from instead of the virtual environment, and `--target` what
`export --check` calls them: a recipe that it says is refused there must not load (with the weights dequantized on loading it
must, and they must be ours), every other one must.

For every row of CASES: export; load with output_loading_info (no key missing, unexpected or mismatched); every
dequantized weight must equal ours bit for bit; logits must agree with ours: to float32 rounding for weight-only rows.
With quantized activations clients scale symmetric INT8 inputs by absmax/127.5 where we use absmax/127, so two references are
made in plain PyTorch from our weights, one a rule: the client must agree with the one, we with the other, up to the few codes that
float32 sums in another order turn over (FLIPS, a share of what rounding the activations does to the logits at all).

Exit code 77 (ctest: skipped) when transformers, compressed-tensors or safetensors are missing, naming them;
1 with GRATICULE_REQUIRE_CLIENTS=1.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

from skipping import skip

WEIGHT_ONLY_BOUND = 5e-4  # max |difference| of logits of the order of 10: two float32 programs, sums in another order
# Of mean |logits - logits without rounding|. Measured: clients 0.000 and, with zero points, 0.15; we, with sums in another order
# through every layer, 0.06 to 0.37. Another scale gives 1 to 1.6.
FLIPS = {"client": 0.25, "ours": 0.6}

# name, model, recipe, quantized activations
CASES = [
    ("w4 sym g128", "sample-opt", "w=int4/sym/g128", False),
    ("w4 asym g128", "sample-llama", "w=int4/asym/g128", False),
    ("w4 asym channel", "sample-opt", "w=int4/asym/channel", False),
    ("w3 asym g64", "sample-llama", "w=int3/asym/g64", False),
    ("w5 sym channel", "sample-opt", "w=int5/sym/channel", False),
    ("w2 sym g32", "sample-llama", "w=int2/sym/g32", False),
    ("w8 packed", "sample-opt", "w=int8/sym/channel", False),
    ("dint4 channel", "sample-opt", "w=dint4/asym/channel", False),
    ("dint4 g128", "sample-llama", "w=dint4/asym/g128", False),
    ("dint3 channel", "sample-llama", "w=dint3/asym/channel", False),
    ("fp8 weights", "sample-opt", "w=fp8_e4m3/sym/channel", False),
    ("w8a8", "sample-llama", "w=int8/sym/channel a=int8/sym/token", True),
    ("w4a8 g128", "sample-llama", "w=int4/sym/g128 a=int8/sym/token", True),
    ("dint4 a8", "sample-opt", "w=dint4/asym/channel a=int8/sym/token", True),
    ("w4a8 smoothquant", "sample-opt", "w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5", True),
    ("w8a8 static", "sample-opt", "w=int8/sym/channel a=int8/sym/tensor/static", True),
    ("w8a8 asym inputs", "sample-llama", "w=int8/sym/channel a=int8/asym/token", True),
    ("fp8 both", "sample-llama", "w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token", True),
    ("mixed", "sample-llama", "MIXED", False),
]

# Tiny random models that transformers itself saved, where the reference data is (GRATICULE_SHARED, or ../shared).
FAMILY_CASES = [
    ("opt350m", "opt350m", "w=int4/asym/channel", False),  # projections that must be ignored, norms after the residual
    ("qwen2", "qwen2", "w=int4/sym/g32", False),            # biases on q, k, v
    ("llama3", "llama3_rope", "w=dint4/asym/channel", False),
    ("mistral", "mistral", "w=int8/sym/channel a=int8/sym/token", True),
]

# exporter, recipe, of sample-llama
OTHER_EXPORTERS = [("gguf", "w=int4/sym/g32:f16"), ("gguf", "w=int6/sym/channel:f16"), ("gguf", "w=mxfp4"),
                   ("qserve", "w=int4/asym/dual128:f16"), ("packed", "w=dint4/asym/g128")]

MIXED = """{"schema": 1, "name": "mixed", "defaults": "w=int4/asym/g128",
  "rules": [{"pattern": "*.[qkv]_proj", "choice": "w=int8/sym/channel"},
            {"pattern": "*.down_proj", "choice": "w=dint4/asym/channel"}],
  "ignore": ["layers.3.mlp.*"]}
"""


def run_cli(cli, *words):
    done = subprocess.run([cli, *words, "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"graticule-cli {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")


def fate(cli, target, sample, recipe, folder, exporter="compressed-tensors"):
    """What `export --check` says of a target: "as asked", "other inputs", "refused" or "another model"."""
    done = subprocess.run([cli, "export", sample, "--recipe", recipe, "--exporter", exporter, "--out", str(folder) + "-check",
                           "--check", "--json", "--quiet"], capture_output=True, text=True, check=True)
    return next(row["fate"] for row in json.loads(done.stdout)["targets"] if row["name"] == target)


def client_weight(module):
    """The float weight of a module, decompressed by the client's own code if it still holds codes."""
    import torch
    from compressed_tensors.compressors import BaseCompressor

    scheme = getattr(module, "quantization_scheme", None)
    state = {name: value for name, value in module.state_dict().items() if "." not in name}
    compressed = "weight_packed" in state or state["weight"].dtype in (torch.int8, torch.float8_e4m3fn)
    if not compressed:
        return state["weight"]
    form = getattr(scheme.format, "value", scheme.format)
    return BaseCompressor.get_value_from_registry(form).decompress(state, scheme)["weight"]


def check_weights(model, ours, problems):
    import torch

    modules = dict(model.named_modules())
    compared = 0
    for name, expected in ours.items():
        base, kind = name.rsplit(".", 1)
        if base not in modules:
            problems.append(f"{base}: the client has no such module")
            continue
        got = client_weight(modules[base]) if kind == "weight" else getattr(modules[base], kind)
        compared += 1
        if got.shape != expected.shape or not torch.equal(got.detach().float(), expected):
            worst = (got.detach().float() - expected).abs().max().item() if got.shape == expected.shape else "shape"
            problems.append(f"{name}: differs from ours by {worst}")
    return compared


def rounded(x, activations, static, ours):
    """The inputs of a linear as `activations` ("int8/sym/token" ...) rounds them, by our rule or by compressed-tensors'."""
    import torch

    form, symmetry, _ = activations.split("/")[:3]
    if form == "fp8_e4m3":
        scale = x.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 448
        return (x / scale).clamp(-448, 448).to(torch.float8_e4m3fn).float() * scale
    if static is not None:
        scale = static
    elif symmetry == "sym":
        # compressed-tensors keeps the first two axes apart, so a matrix of inputs (OPT's MLP) gets one scale.
        peak = x.abs().amax(-1, keepdim=True) if ours or x.dim() > 2 else x.abs().amax()
        scale = peak.clamp_min(1e-12) / (127 if ours else 127.5)
    else:
        low, high = x.amin(-1, keepdim=True).clamp_max(0), x.amax(-1, keepdim=True).clamp_min(0)
        scale = ((high - low) / 255).clamp_min(1e-12)
        zero = torch.round(-low / scale)
        return ((torch.round(x / scale) + zero).clamp(0, 255) - zero) * scale
    return torch.round(x / scale).clamp(-127 if ours else -128, 127) * scale


def reference_logits(sample, weights, stored, activations, ids, ours):
    """The float model with our dequantized weights in it and its linears' inputs rounded."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(sample, dtype=torch.float32, attn_implementation="eager")
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name, value in weights.items():
            base, kind = name.rsplit(".", 1)
            getattr(modules[base], kind).copy_(value)
    if activations:
        for name in weights:
            base = name.rsplit(".", 1)[0]
            if not isinstance(modules[base], torch.nn.Linear) or not name.endswith(".weight"):
                continue
            static = stored.get(base + ".input_scale")
            modules[base].register_forward_pre_hook(
                lambda _, inputs, static=static: (rounded(inputs[0], activations, static, ours), *inputs[1:]))
    with torch.no_grad():
        return model(ids).logits


def check_activations(folder, sample, recipe, weights, ids, got, expected, problems):
    """Client and we against plain PyTorch, each by its own rule. Returns a line to print."""
    from safetensors.torch import load_file

    activations = next(word[2:] for word in recipe.split() if word.startswith("a="))
    stored = {name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()}
    plain = reference_logits(sample, weights, stored, None, ids, True)
    text = ""
    for who, logits, ours in (("client", got, False), ("ours", expected, True)):
        reference = reference_logits(sample, weights, stored, activations, ids, ours)
        ratio = ((logits - reference).abs().mean() / (reference - plain).abs().mean()).item()
        text += f", {who} {ratio:.3f}"
        if not ratio < FLIPS[who]:
            problems.append(f"{who}: logits differ from PyTorch's by {ratio:.3f} of what the activations' rounding does")
    return text


def check_load_fails(folder, load, reason, if_it_loads, problems):
    """Loading stops with an error that holds `reason`."""
    import transformers

    try:
        transformers.AutoModelForCausalLM.from_pretrained(folder, **load)
        problems.append(f"{if_it_loads}: core/export/all_targets.cpp is out of date")
    except RuntimeError as error:
        if reason not in str(error):
            problems.append(f"refused for another reason: {error}")


def check_refused(folder, recipe, problems):
    """Does not load as it is; returns the model with its weights dequantized on loading, where all share one scheme."""
    import torch
    import transformers

    load = dict(dtype=torch.float32, output_loading_info=True, attn_implementation="eager")
    check_load_fails(folder, load, "mismatch", f"{recipe}: export --check says that it is refused, but it loads", problems)
    load["quantization_config"] = transformers.CompressedTensorsConfig(dequantize=True)
    if len(json.loads((folder / "config.json").read_text())["quantization_config"]["config_groups"]) == 1:
        return transformers.AutoModelForCausalLM.from_pretrained(folder, **load)
    check_load_fails(folder, load, "CONVERSION", f"{recipe}: several schemes are dequantized, said to be impossible", problems)
    return None, {}


def tell(what, problems):
    print(f"{'ok  ' if not problems else 'FAIL'} {what}", flush=True)
    for problem in problems:
        print(f"       {problem}", flush=True)
    return not problems


def check_case(cli, work, case, target):
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    name, sample, recipe, activations = case
    folder = work / name.replace(" ", "-")
    if recipe == "MIXED":
        recipe_file = work / "mixed.json"
        recipe_file.write_text(MIXED)
        recipe = str(recipe_file)
    run_cli(cli, "export", sample, "--recipe", recipe, "--out", str(folder))
    ids_file, logits_file, weights_file = work / "ids.safetensors", work / "logits.safetensors", work / "weights.safetensors"
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    ids = torch.randint(4, vocabulary - 120, (2, 40), generator=torch.Generator().manual_seed(7))
    save_file({"input_ids": ids}, ids_file)
    run_cli(cli, "logits", sample, "--recipe", recipe, "--ids", str(ids_file), "--out", str(logits_file))
    run_cli(cli, "quantize", sample, "--recipe", recipe, "--weights-only", "--dequantized", str(weights_file))

    problems = []
    refused = fate(cli, target, sample, recipe, folder) == "refused"
    if refused:
        model, info = check_refused(folder, recipe, problems)
    else:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, attn_implementation="eager")
    if model is None:
        return tell(f"{name:18} {pathlib.Path(sample).name:13} refused as said, whichever way it is loaded", problems)
    problems += [f"{key}: {info[key]}" for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
                if info.get(key)]
    compared = check_weights(model, load_file(weights_file), problems)
    with torch.no_grad():
        got = model(ids).logits
    expected = load_file(logits_file)["logits"]
    largest = (got - expected).abs().max().item()
    relative = ((got - expected).abs().mean() / expected.std()).item()
    text = ""
    if refused:
        text = ", refused as said, dequantized on loading instead"
    elif activations:
        folder_of_sample = pathlib.Path(__file__).parents[2] / "resources" / "samples" / sample  # a path of its own stays
        text = check_activations(folder, folder_of_sample, recipe, load_file(weights_file), ids, got, expected, problems)
    if not activations and not largest < WEIGHT_ONLY_BOUND:
        problems.append(f"logits differ by {largest:.2e}, allowed {WEIGHT_ONLY_BOUND:.0e}")
    return tell(f"{name:18} {pathlib.Path(sample).name:13} {compared:3} tensors, logits: largest {largest:.2e}, mean over spread "
                f"{relative:.2e}{text}", problems)


def check_fp4(cli, work, recipe, sample):
    """Four-bit floats, which clients compute in bfloat16 alone: weights are ours rounded to it (NVFP4: to its last place, for the
    client rounds the scale on the way), logits those of a model in bfloat16."""
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    folder = work / f"{recipe[2:]}-{sample}"
    ids_file, logits_file, weights_file = work / "ids.safetensors", work / "logits.safetensors", work / "weights.safetensors"
    run_cli(cli, "export", sample, "--recipe", recipe, "--out", str(folder))
    ids = torch.randint(4, 5000, (2, 40), generator=torch.Generator().manual_seed(7))
    save_file({"input_ids": ids}, ids_file)
    run_cli(cli, "logits", sample, "--recipe", recipe, "--ids", str(ids_file), "--out", str(logits_file))
    run_cli(cli, "quantize", sample, "--recipe", recipe, "--weights-only", "--dequantized", str(weights_file))
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, output_loading_info=True, attn_implementation="eager")
    problems = [f"{key}: {info[key]}" for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
                if info.get(key)]
    modules, compared = dict(model.named_modules()), 0
    for name, expected in load_file(weights_file).items():
        base, kind = name.rsplit(".", 1)
        if kind != "weight" or not hasattr(modules[base], "quantization_scheme"):
            continue
        got, expected = client_weight(modules[base]).float(), expected.bfloat16().float()
        off = ((got - expected).abs() / expected.abs().clamp_min(1e-30)).max().item()
        compared += 1
        if got.shape != expected.shape or not off <= (0 if recipe == "w=mxfp4" else 2**-7):
            problems.append(f"{name}: differs from ours by {off} of the value")
    if compared == 0:
        problems.append("no module is quantized for the client")
    with torch.no_grad():
        got = model(ids).logits.float()
    expected = load_file(logits_file)["logits"]
    relative = ((got - expected).abs().mean() / expected.std()).item()
    # bfloat16 through eight blocks: transformers alone, nothing quantized, differs from float32 by 0.009 (llama), 0.039 (opt).
    if not relative < (0.05 if sample == "sample-opt" else 0.02):
        problems.append(f"logits differ by {relative:.3f} of their spread")
    return tell(f"{recipe[2:]:18} {sample:13} {compared:3} tensors, logits in bfloat16: mean over spread {relative:.2e}", problems)


def check_other_exporter(cli, work, exporter, recipe, target):
    """What `export --check` says of the layouts beside compressed-tensors: that they load, do not, or load as another model."""
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    folder, sample = work / f"{exporter}-{recipe[2:].replace('/', '-')}", "sample-llama"
    run_cli(cli, "export", sample, "--recipe", recipe, "--exporter", exporter, "--out", str(folder))
    said, problems, text = fate(cli, target, sample, recipe, folder, exporter), [], ""
    load = dict(dtype=torch.float32, output_loading_info=True, attn_implementation="eager")
    if exporter == "gguf":
        load["gguf_file"] = "model.gguf"
        if importlib.util.find_spec("accelerate") is None:  # transformers wants it to read GGUF
            print(f"left out: {exporter} {recipe}, because accelerate is not installed", flush=True)
            return True
    try:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, **load)
        missing = [key for key in ("missing_keys", "mismatched_keys", "error_msgs") if info.get(key)]
    except OSError as error:
        model, text = None, f": {str(error).splitlines()[0][:80]}"
    found = "refused" if model is None else "another model" if missing else "as asked"
    if found != said:
        problems.append(f"export --check says {said}, but it is {found}: core/export/all_targets.cpp is out of date")
    if found == "as asked":
        ids_file, logits_file = work / "ids.safetensors", work / "logits.safetensors"
        ids = torch.randint(4, 5000, (2, 40), generator=torch.Generator().manual_seed(7))
        save_file({"input_ids": ids}, ids_file)
        run_cli(cli, "logits", sample, "--recipe", recipe, "--ids", str(ids_file), "--out", str(logits_file))
        with torch.no_grad():
            largest = (model(ids).logits - load_file(logits_file)["logits"]).abs().max().item()
        text = f", logits: largest {largest:.2e}"
        if not largest < WEIGHT_ONLY_BOUND:
            problems.append(f"logits differ by {largest:.2e}, allowed {WEIGHT_ONLY_BOUND:.0e}")
    return tell(f"{exporter:18} {recipe[2:]:22} {found}, as said{text}", problems)


def check_other_parts(cli, work):
    """A language model inside LLaVA: the image tower must come back as it was, the language model as we quantized it."""
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                                             num_key_value_heads=2, vocab_size=320, max_position_embeddings=256).to_dict(),
        vision_config=transformers.CLIPVisionConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
                                                    image_size=28, patch_size=14).to_dict(), image_token_index=319)
    made, passed = work / "llava", 0
    original = transformers.LlavaForConditionalGeneration(config).eval()
    original.save_pretrained(made)
    stored = original.state_dict()
    ids = torch.randint(4, 300, (2, 40), generator=torch.Generator().manual_seed(7))
    ids_file, logits_file = work / "llava-ids.safetensors", work / "llava-logits.safetensors"
    save_file({"input_ids": ids}, ids_file)
    mixed = work / "llava-mixed.json"
    mixed.write_text('{"schema": 1, "name": "m", "defaults": "w=int4/sym/g32", "rules": [{"pattern": "*.down_proj", "choice": "w=int8/sym/channel"}],'
                     ' "ignore": ["layers.1.self_attn.*"]}')
    for name, recipe in (("one scheme", "w=int4/sym/g32"), ("mixed", str(mixed))):
        folder = work / ("llava-" + name.replace(" ", "-"))
        run_cli(cli, "export", str(made), "--recipe", recipe, "--out", str(folder))
        run_cli(cli, "logits", str(made), "--recipe", recipe, "--ids", str(ids_file), "--out", str(logits_file))
        model, info = transformers.LlavaForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, attn_implementation="eager")
        problems = [f"{key}: {info[key]}" for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs") if info.get(key)]
        others = [key for key in stored if "vision_tower" in key or "projector" in key]
        assert others
        loaded = model.state_dict()
        problems += [f"{key}: is not as it was" for key in others if key not in loaded or not torch.equal(loaded[key], stored[key])]
        with torch.no_grad():
            largest = (model(input_ids=ids).logits - load_file(logits_file)["logits"]).abs().max().item()
        if not largest < WEIGHT_ONLY_BOUND:
            problems.append(f"logits differ by {largest:.2e}")
        passed += tell(f"inside LLaVA, {name:10}: {len(others)} other tensors, logits: largest {largest:.2e}", problems)
    return passed, 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--packages", type=pathlib.Path)
    parser.add_argument("--target", default="transformers-5.17")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if args.packages:
        if not args.packages.is_dir():
            skip(f"{args.packages} is not there")
        sys.path.insert(0, str(args.packages))
    for package in ("torch", "safetensors", "transformers", "compressed_tensors"):
        try:
            __import__(package)
        except ImportError as error:
            skip(f"{package} cannot be imported ({error})")
    import compressed_tensors
    import transformers
    print(f"transformers {transformers.__version__}, compressed-tensors {compressed_tensors.__version__}, {args.target}", flush=True)
    args.work.mkdir(parents=True, exist_ok=True)
    shared = pathlib.Path(os.environ.get("GRATICULE_SHARED", pathlib.Path(__file__).parents[2] / ".." / "shared"))
    families = shared / "fixtures" / "families"
    cases = list(CASES)
    if families.is_dir():
        cases += [(name, str(families / model), recipe, activations) for name, model, recipe, activations in FAMILY_CASES]
    else:
        print(f"left out: {len(FAMILY_CASES)} cases that need {families}", flush=True)
    chosen = [case for case in cases if args.only in case[0]]
    passed = sum([check_case(args.cli, args.work, case, args.target) for case in chosen])
    tried = len(chosen)
    for recipe, sample in (("w=nvfp4", "sample-llama"), ("w=nvfp4", "sample-opt"), ("w=mxfp4", "sample-llama"), ("w=mxfp4", "sample-opt")):
        if args.only in recipe:
            passed, tried = passed + check_fp4(args.cli, args.work, recipe, sample), tried + 1
    for exporter, recipe in OTHER_EXPORTERS:
        if args.only in exporter:
            passed, tried = passed + check_other_exporter(args.cli, args.work, exporter, recipe, args.target), tried + 1
    if args.only in "inside llava":
        more, of = check_other_parts(args.cli, args.work)
        passed, tried = passed + more, tried + of
    print(f"{passed} of {tried} exports load as they should")
    sys.exit(0 if passed == tried and tried else 1)


main()
