#!/usr/bin/env python3
"""How far rounding errors alone move the published GPTQ: its steps in PyTorch, the first block's inputs changed by 1e-7 of their value.

    docs/results/gptq_spread.py --model resources/samples/sample-opt --text wiki.test.raw --calib wiki.valid.raw --device cuda

Prints perplexities over all windows of 2,048 tokens and the sum of the losses, one line a draw. The first line is without a change.
"""
import argparse
import math
import pathlib

import torch
import transformers

SETTINGS = {  # bits, symmetric, group
    "GPTQ W4 asym g128": (4, False, 128),
    "GPTQ W4 asym channel": (4, False, 0),
    "GPTQ W3 asym g128": (3, False, 128),
    "GPTQ W4 sym g128": (4, True, 128),
}
BLOCK = 128  # columns updated together
DAMPING = 0.01


def token_ids(tokenizer, path):
    """The text rule of the protocol: lines with their newline, blank ones empty, joined by two newlines, one BOS at the start."""
    lines = pathlib.Path(path).read_text().split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    text = "\n\n".join("" if line.strip() == "" else line + "\n" for line in lines)
    return tokenizer(text, return_tensors="pt").input_ids[0]


def grid(weight, bits, symmetric):
    """Scale and zero of each row, the range forced through zero."""
    top = 2**bits - 1
    low, high = weight.amin(1).clamp(max=0), weight.amax(1).clamp(min=0)
    if symmetric:
        high = torch.maximum(low.abs(), high)
        low = torch.where(low < 0, -high, low)
    empty = (low == 0) & (high == 0)
    low, high = torch.where(empty, -1.0, low), torch.where(empty, 1.0, high)
    scale = (high - low) / top
    zero = torch.full_like(scale, (top + 1) / 2) if symmetric else torch.round(-low / scale)
    return scale[:, None], zero[:, None], top


def quantize(weight, scale, zero, top):
    return scale * (torch.clamp(torch.round(weight / scale) + zero, 0, top) - zero)


def gptq(weight, hessian, bits, symmetric, group):
    """Frantar et al. 2023, algorithm 1, with the published program's order of steps; returns the weights and their loss."""
    weight, hessian = weight.clone(), hessian.clone()
    params = grid(weight, bits, symmetric)
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1
    weight[:, dead] = 0
    hessian.diagonal().add_(DAMPING * hessian.diagonal().mean())
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    result, loss = torch.zeros_like(weight), 0.0
    for first in range(0, weight.shape[1], BLOCK):
        last = min(first + BLOCK, weight.shape[1])
        part, factor = weight[:, first:last].clone(), inverse[first:last, first:last]
        errors = torch.zeros_like(part)
        for i in range(last - first):
            if group and (first + i) % group == 0:
                params = grid(weight[:, first + i:first + i + group], bits, symmetric)
            rounded = quantize(part[:, i:i + 1], *params)[:, 0]
            error = (part[:, i] - rounded) / factor[i, i]
            part[:, i:] -= error[:, None] * factor[i, i:][None]
            errors[:, i] = error
            result[:, first + i] = rounded
        loss += float((errors.double() ** 2).sum()) / 2
        weight[:, last:] -= errors @ inverse[first:last, last:]
    return result, loss


@torch.no_grad()
def quantize_model(model, samples, setting, change):
    """Block by block, every block seeing what the ones before became."""
    embedding = model.model.decoder.embed_tokens
    hook = embedding.register_forward_hook(lambda _module, _inputs, output: output * (1 + change[:, :output.shape[-1]]))
    total = 0.0
    for block in model.model.decoder.layers:
        linears = [m for m in block.modules() if isinstance(m, torch.nn.Linear)]
        hessians = {m: torch.zeros(m.in_features, m.in_features, device=m.weight.device) for m in linears}
        seen = dict.fromkeys(linears, 0)

        def collect(module, inputs):
            x = inputs[0].reshape(-1, inputs[0].shape[-1]).t().float()
            hessians[module] *= seen[module] / (seen[module] + 1)
            seen[module] += 1
            x = math.sqrt(2 / seen[module]) * x
            hessians[module] += x @ x.t()

        handles = [m.register_forward_pre_hook(collect) for m in linears]
        for sample in samples:
            model.model(sample[None])
        for handle in handles:
            handle.remove()
        for module in linears:
            module.weight.data, loss = gptq(module.weight.data, hessians[module], *setting)
            total += loss
    hook.remove()
    return total


@torch.no_grad()
def perplexity(model, ids, window=2048):
    losses = []
    for start in range(0, len(ids) // window * window, window):
        part = ids[start:start + window][None]
        logits = model(part).logits[0, :-1].float()
        losses.append(float(torch.nn.functional.cross_entropy(logits, part[0, 1:])))
    return math.exp(sum(losses) / len(losses))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--calib", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--setting", choices=SETTINGS, action="append")
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    test, calib = (token_ids(tokenizer, path).to(args.device) for path in (args.text, args.calib))
    samples = calib[:32 * 512].reshape(32, 512)

    def load():
        return transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32,
                                                                 attn_implementation="eager").to(args.device).eval()

    print(f"full precision: {perplexity(load(), test):.3f}", flush=True)
    for name in args.setting or SETTINGS:
        for draw in range(args.draws + 1):
            model = load()
            torch.manual_seed(draw)
            change = 1e-7 * torch.randn(512, model.config.hidden_size, device=args.device) * (draw > 0)
            loss = quantize_model(model, samples, SETTINGS[name], change)
            print(f"{name}, draw {draw}: perplexity {perplexity(model, test):.3f}, losses {loss:.2f}", flush=True)


main()
