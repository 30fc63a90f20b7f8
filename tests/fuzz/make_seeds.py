#!/usr/bin/env python3
"""Writes a small seed corpus for each fuzz target: make_seeds.py FOLDER. Standard library only."""
import json
import pathlib
import struct
import sys


def safetensors(header, data):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    yield safetensors({}, b"")
    yield safetensors({"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 2], 0, 16), "b": entry("BF16", [], 16, 18)}, bytes(18))
    yield safetensors({"e": entry("F16", [0, 3], 0, 0), "f": entry("F8_E4M3", [5], 0, 5), "g": entry("F4", [2], 5, 6)}, bytes(6))


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key, kind, raw):
    return text(key) + struct.pack("<i", kind) + raw


def array(key, kind, items):
    return pair(key, 9, struct.pack("<iQ", kind, len(items)) + b"".join(items))


def gguf(entries, tensors=(), version=3):
    infos, data = b"", b""
    for name, extents, kind, raw in tensors:
        infos += text(name) + struct.pack("<I", len(extents)) + b"".join(struct.pack("<Q", e) for e in extents)
        infos += struct.pack("<iQ", kind, len(data))
        data += raw + bytes(-len(raw) % 32)
    head = b"GGUF" + struct.pack("<Iqq", version, len(tensors), len(entries)) + b"".join(entries) + infos
    return head + bytes(-len(head) % 32) + data


def gguf_model(architecture):
    u32 = lambda key, value: pair(architecture + "." + key, 4, struct.pack("<I", value))
    return [pair("general.architecture", 8, text(architecture)), u32("embedding_length", 8), u32("block_count", 1),
            u32("attention.head_count", 2), u32("attention.head_count_kv", 1), u32("feed_forward_length", 16), u32("context_length", 8)]


def gguf_seeds():
    bpe = [pair("tokenizer.ggml.model", 8, text("gpt2")), pair("tokenizer.ggml.pre", 8, text("llama-bpe")),
           array("tokenizer.ggml.tokens", 8, [text(t) for t in ["a", "l", "o", "ll", "lo", "Ġ", "<s>"]]),
           array("tokenizer.ggml.token_type", 5, [struct.pack("<i", t) for t in [1, 1, 1, 1, 1, 1, 3]]),
           array("tokenizer.ggml.merges", 8, [text("l l"), text("l o")])]
    scored = [pair("tokenizer.ggml.model", 8, text("llama")), array("tokenizer.ggml.tokens", 8, [text(t) for t in ["<unk>", "<s>", "▁", "a", "▁a"]]),
              array("tokenizer.ggml.scores", 6, [struct.pack("<f", -s) for s in range(5)]),
              pair("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 1))]
    weights = [("token_embd.weight", [8, 2], 0, bytes(64)), ("blk.0.attn_q.weight", [32, 8], 8, bytes(34 * 8)),
               ("blk.0.attn_k.weight", [32, 4], 2, bytes(18 * 4)), ("blk.0.ffn_down.weight", [256, 1], 12, bytes(144))]
    yield gguf(gguf_model("llama") + bpe, weights)
    yield gguf(gguf_model("qwen2") + scored, weights, 2)
    yield gguf(gguf_model("gemma2"), [("output_norm.weight", [8], 0, bytes(32))])
    yield gguf(gguf_model("gpt2"), [("blk.0.ffn_up.weight", [8, 2], 1, bytes(32))])


def tokenizer_seeds():
    vocabulary = {chr(c): i for i, c in enumerate([*range(33, 127), 0x120, 0x10A])}
    vocabulary.update({"he": 96, "ll": 97, "▁": 98, "<unk>": 99})
    model = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "vocab": vocabulary, "merges": ["h e", ["l", "l"]]}
    special = [{"id": 100, "content": "<s>", "special": True}, {"id": 101, "content": "<x>", "lstrip": True, "single_word": True, "normalized": True}]
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [100], "tokens": ["<s>"]}}}
    replace = lambda a, b: {"type": "Replace", "pattern": {"String": a}, "content": b}
    yield {"version": "1.0", "model": model, "added_tokens": special, "post_processor": template, "decoder": {"type": "ByteLevel"},
           "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                                                   {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "ByteLevel"}]}}
    yield {"model": dict(model, byte_fallback=True), "added_tokens": special,
           "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"),
                                                              {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}]},
           "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
           "decoder": {"type": "Sequence", "decoders": [replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                                                        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}
    yield {"model": model, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "MergedWithNext", "invert": True}}


def main():
    root = pathlib.Path(sys.argv[1])
    seeds = {"safetensors": safetensors_seeds(), "gguf": gguf_seeds(),
             "tokenizer_json": (json.dumps(seed, ensure_ascii=False).encode() for seed in tokenizer_seeds())}
    for target, contents in seeds.items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(contents):
            (folder / f"seed-{number}").write_bytes(content)


if __name__ == "__main__":
    main()
