#!/usr/bin/env python3
"""What the engine reaches on a checkpoint of real size, with transformers (16 bit, sdpa) as the peer in the same run.

    bench_real_size.py --build build-dev --work /tmp/real --shape 7b --device cuda --out results/7b
    bench_real_size.py --build build-dev --work /tmp/real --shape tiny --device cpu --windows 4 --window 256 --samples 4

Makes the checkpoint with make_checkpoint.py (or takes --checkpoint), then measures part by part. After every part
OUT.json and OUT.md are written, so that a run cut short keeps what it measured; a part that fails says why and the rest
goes on. --parts picks some; --list names them.

Tokens per second are those between the first and the last window of one pass, (windows - 1) x window tokens, as loaded
models give them; the time to the first window is told apart.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
METHODS = [  # name, recipe, seconds to reach on a 7B shape (ENGINE.md section 13)
    ("RTN", "w=int4/asym/g128 a=int8/sym/token", 5),
    ("GPTQ", "w=int4/asym/g128 a=int8/sym/token gptq", 20),
    ("AWQ + clip", "w=int4/asym/g128 a=int8/sym/token awq clip", 40),
    ("AQAS", "w=int4/asym/g128 a=int8/sym/token aqas", 60),
    ("DGQ", "w=int4/asym/dual128 a=int8/sym/tensor/static percentile dgq", 60),
]
SIMULATED = "w=int4/asym/g128 a=int8/sym/token"
INTEGER = [("dual128", "w=int4/asym/dual128 a=int8/sym/token"), ("per channel", "w=int4/asym/channel a=int8/sym/token")]


class Bench:
    def __init__(self, args):
        self.args = args
        self.rows = []
        self.facts = {}
        self.peer = None
        self.cli = [str(args.build / "bin" / "graticule-cli"), "--quiet", "--json", "--device", args.device,
                    "--precision", args.precision]

    def add(self, what, value, unit, peer=None, target=None, reached=None, note=""):
        """`target` in words; `reached` says whether it is, None where nothing was to be reached."""
        row = dict(what=what, value=value, unit=unit, peer=peer, ratio=value / peer if peer else None, target=target,
                   reached=reached, note=note)
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        self.save()

    def run_cli(self, *words, watch=None):
        """JSON of one command and the seconds of the whole process."""
        command = self.cli + [str(word) for word in words]
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watcher = watch(process.pid) if watch else None
        out, errors = process.communicate()
        seconds = time.monotonic() - started
        if watcher:
            watcher.stop()
        if process.returncode != 0:
            lines = (errors.strip() or out.strip()).splitlines()
            raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: {lines[-1] if lines else 'no message'}")
        return json.loads(out), seconds

    def save(self):
        if not self.args.out:
            return
        self.args.out.parent.mkdir(parents=True, exist_ok=True)
        record = dict(facts=self.facts, rows=self.rows)
        self.args.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
        self.args.out.with_suffix(".md").write_text(markdown(record))


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(record):
    facts = record["facts"]
    lines = [f"{key}: {value}  " for key, value in facts.items()]
    lines += ["", "| what | measured | peer | ratio | to reach | reached |", "|---|---|---|---|---|---|"]
    for row in record["rows"]:
        reached = {True: "yes", False: "no", None: ""}[row["reached"]]
        note = f" ({row['note']})" if row["note"] else ""
        measured = f"{number(row['value'])} {row['unit']}" if row["value"] is not None else row["unit"]
        lines.append(f"| {row['what']}{note} | {measured} | {number(row['peer'])} | {number(row['ratio'])} | "
                     f"{row['target'] or ''} | {reached} |")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the peer, in a process of its own

def peer_process(args):
    """Window losses of transformers on ids from stdin, as evaluation does: logits, upcast, mean cross entropy."""
    import torch
    import transformers
    started = time.monotonic()
    ids = torch.tensor(json.load(sys.stdin))
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}[args.precision]
    model = transformers.AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=dtype, attn_implementation="sdpa")
    model.to(args.device).eval()
    result = dict(load_seconds=time.monotonic() - started, torch=torch.__version__, transformers=transformers.__version__,
                  device=torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu", batches={})

    def one_pass(batch):
        losses, ends = [], []
        for first in range(0, len(ids), batch):
            rows = ids[first:first + batch].to(args.device)
            logits = model(rows, use_cache=False).logits
            for row, line in zip(rows, logits):
                losses.append(torch.nn.functional.cross_entropy(line[:-1].float(), row[1:]).item())
            ends.append(time.monotonic())
        return losses, ends

    with torch.inference_mode():
        started = time.monotonic()
        one_pass(1) if len(ids) <= 2 else [model(ids[:1].to(args.device), use_cache=False)]
        result["first_window_seconds"] = result["load_seconds"] + time.monotonic() - started
        for batch in (1, 4) if args.device.startswith("cuda") else (1,):
            rates = []
            for _ in range(3 if args.device.startswith("cuda") else 1):
                losses, ends = one_pass(batch)
                if len(ends) > 1:
                    rates.append((len(ids) - batch) * ids.shape[1] / (ends[-1] - ends[0]))
            result["batches"][batch] = statistics.median(rates) if rates else None
        result["perplexity"] = float(torch.tensor(losses, dtype=torch.float64).mean().exp())
        # The bare forward pass that calibration is held against: no head, no loss.
        rows = ids[:, :]
        for repeat in range(2):
            if args.device.startswith("cuda"):
                torch.cuda.synchronize()
            started = time.monotonic()
            for row in rows:
                model.base_model(row[None].to(args.device), use_cache=False)
            if args.device.startswith("cuda"):
                torch.cuda.synchronize()
            result["body_rate"] = rows.numel() / (time.monotonic() - started)
    print(json.dumps(result))


def part_peer(bench):
    args = bench.args
    ids, _ = bench.run_cli("tokenize", args.checkpoint, "--text", args.text, "--text-rule", "raw")
    ids = ids["ids"]
    windows = [ids[i * args.window:(i + 1) * args.window] for i in range(args.windows)]
    command = [args.python, __file__, "--peer", "--checkpoint", args.checkpoint, "--device", args.device,
               "--precision", args.precision]
    process = subprocess.run([str(word) for word in command], input=json.dumps(windows), capture_output=True, text=True)
    if process.returncode != 0:
        raise RuntimeError("transformers: " + (process.stderr.strip().splitlines() or ["no message"])[-1])
    bench.peer = json.loads(process.stdout)
    bench.facts["device"] = bench.peer["device"]
    bench.facts["peer"] = (f"transformers {bench.peer['transformers']}, torch {bench.peer['torch']}, {args.precision}, sdpa; "
                           f"best of batches {', '.join(bench.peer['batches'])}")
    bench.peer["rate"] = max(rate for rate in bench.peer["batches"].values() if rate)
    for batch, rate in bench.peer["batches"].items():
        bench.add(f"transformers, evaluation, batch {batch}", rate, "tokens/s")
    bench.add("transformers, start to first window", bench.peer["first_window_seconds"], "s")


# ---------------------------------------------------------------- ours

def part_open(bench):
    bench.run_cli("info", bench.args.checkpoint)  # the page cache
    seconds = statistics.median(bench.run_cli("info", bench.args.checkpoint)[1] for _ in range(5))
    bench.add("info, start to table", seconds, "s", target="< 0.3 s", reached=seconds < 0.3,
              note="page cache warm, whole process")


def forward(bench, *words):
    """One run of bench_forward, which shows every window as it is done."""
    args = bench.args
    what, *more = map(str, words)
    command = [str(args.build / "bin" / "bench_forward"), what, str(args.checkpoint), "--device", args.device,
               "--precision", args.precision, "--text", str(args.text), "--window", str(args.window),
               "--windows", str(args.windows), *more]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode != 0:
        lines = (process.stderr.strip() or process.stdout.strip()).splitlines()
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: {lines[-1] if lines else 'no message'}")
    return json.loads(process.stdout)


def part_evaluate(bench):
    ours = forward(bench, "evaluate")
    peer = bench.peer["rate"] if bench.peer else None
    note = ""
    if bench.peer:
        note = f"perplexity {ours['perplexity']:.4f}, transformers {bench.peer['perplexity']:.4f}"
    bench.facts["graticule"] = ours["version"]
    bench.add(f"evaluation, full precision, {ours['precision']}", ours["rate"], "tokens/s", peer, ">= 1.0 x",
              peer and ours["rate"] >= peer, note)
    bench.add("evaluation, start to first window", ours["first_window_seconds"], "s", target="< 5 s",
              reached=ours["first_window_seconds"] < 5)
    bench.full_rate = ours["rate"]


def rate_of_recipe(bench, recipe, *more):
    return forward(bench, "evaluate", "--recipe", recipe, *more)


def part_simulated(bench):
    ours = rate_of_recipe(bench, SIMULATED)
    full = getattr(bench, "full_rate", None)
    bench.add("evaluation, simulated W4A8 g128", ours["rate"], "tokens/s", full, ">= 0.8 x our own full precision",
              full and ours["rate"] >= 0.8 * full, "peer: our own full precision; on " + ", ".join(ours["kernels"]))


def part_integer(bench):
    peer = bench.peer["rate"] if bench.peer else None
    for name, recipe in INTEGER:
        ours = rate_of_recipe(bench, recipe, "--arithmetic", "integer")
        bench.add(f"evaluation, integer W4A8 {name}", ours["rate"], "tokens/s", peer, ">= 1.4 x",
                  peer and ours["rate"] >= 1.4 * peer, "on " + ", ".join(ours["kernels"]))


def part_calibrate(bench):
    ours = forward(bench, "calibrate", "--samples", bench.args.samples)
    bench.add("calibration, bare forward pass", ours["bare_seconds"], "s", note="the same pass, nobody looking")
    bench.add("calibration, all statistics", ours["seconds"], "s", ours["bare_seconds"], "<= 1.15 x",
              ours["seconds"] <= 1.15 * ours["bare_seconds"], "peer: the bare pass; medians, interleaved")
    if bench.peer:
        bench.add("bare forward pass", ours["tokens"] / ours["bare_seconds"], "tokens/s", bench.peer["body_rate"],
                  note="peer: transformers without head; ours loads every block from the file in it")


def part_quantize(bench):
    shape = bench.args.shape == "7b"
    for name, recipe, target in METHODS:
        value, seconds = bench.run_cli("quantize", bench.args.checkpoint, "--recipe", recipe, "--weights-only",
                                       "--calib-samples", bench.args.samples, "--calib-length", 512)
        bench.add(f"quantizing, {name}", value["seconds"], "s", target=f"<= {target} s" if shape else None,
                  reached=value["seconds"] <= target if shape else None, note=f"{recipe}; process {seconds:.1f} s")


class PrivateMemory:
    """The largest private (anonymous) memory of a process while it runs: pages of mapped files are not counted."""

    def __init__(self, process_id):
        self.peak, self.done = 0, threading.Event()
        self.status = pathlib.Path(f"/proc/{process_id}/status")
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.done.wait(0.02):
            try:
                for line in self.status.read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        self.peak = max(self.peak, int(line.split()[1]) * 1024)
            except OSError:
                return

    def stop(self):
        self.done.set()
        self.thread.join()


def run_watched(bench, *words):
    """JSON of one command, its seconds, and the largest private memory of its process."""
    kept = []

    def watch(process_id):
        kept.append(PrivateMemory(process_id))
        return kept[-1]

    value, seconds = bench.run_cli(*words, watch=watch)
    return value, seconds, kept[0].peak


def part_run(bench):
    out = bench.args.work / "run-output"
    value, seconds, peak = run_watched(bench, "run", SIMULATED, "--model", bench.args.checkpoint, "--out", out, "--force",
                                       "--text", bench.args.text, "--text-rule", "raw", "--window", bench.args.window,
                                       "--windows", min(4, bench.args.windows), "--calib-samples", bench.args.samples,
                                       "--calib-length", 512)
    packed = value["quantized"]["bytes_after"]
    bench.add("run, private host memory at its peak", peak / 1e9, "GB", packed / 1e9, "<= packed model + 2 GB",
              peak <= packed + 2e9, f"peer: the packed model; whole job {seconds:.0f} s")
    subprocess.run(["rm", "-rf", str(out)], check=True)


def part_export(bench):
    """Quantizing straight into a folder, beside quantizing into a model that is held: weights alone, no activations."""
    config = json.loads((bench.args.checkpoint / "config.json").read_text())
    width, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    shared = width * config.get("num_key_value_heads", heads) // heads
    block = 4 * (2 * width * width + 2 * width * shared + 3 * width * inner)
    out = bench.args.work / "export-output"
    value, seconds, peak = run_watched(bench, "export", bench.args.checkpoint, "--recipe", SIMULATED, "--out", out, "--force",
                                       "--shard-size", 500)
    _, held_seconds, held = run_watched(bench, "quantize", bench.args.checkpoint, "--recipe", SIMULATED, "--weights-only")
    bench.add("export, private host memory at its peak", peak / 1e9, "GB", held / 1e9,
              note=f"peer: quantizing alone, the model held; one block is {block / 1e9:.2f} GB in float32, the folder "
                   f"{value['bytes'] / 1e9:.2f} GB; {seconds:.0f} s, quantizing alone {held_seconds:.0f} s")
    subprocess.run(["rm", "-rf", str(out)], check=True)


def part_stream(bench):
    whole = forward(bench, "evaluate")
    quarter = forward(bench, "evaluate", "--budget", 0.25)
    same = whole["losses"] == quarter["losses"]
    bench.add("evaluation, weights limited to a quarter", quarter["rate"], "tokens/s", whole["rate"],
              "same losses; <= 1.25 x max(copying, computing)", None if same else False,
              f"losses {'the same bit for bit' if same else 'DIFFER'}; all windows {quarter['seconds']:.2f} s against "
              f"{whole['seconds']:.2f} s; weights {quarter['weight_bytes'] / 1e9:.2f} GB")


def part_what_if(bench):
    ours = forward(bench, "what_if", "--samples", 1, "--recipe", SIMULATED)
    card = bench.args.device.startswith("cuda")
    shape = " x ".join(map(str, ours["shape"]))
    for name in ("first_rows", "all_rows"):
        got = ours[name]
        bench.add(f"what-if of {shape}, {got['rows']} rows", got["seconds"], "s",
                  target="<= 0.016 s on a card" if card else None, reached=got["seconds"] <= 0.016 if card else None,
                  note=f"{SIMULATED}; the first answer, which reads the weight, {got['first_seconds']:.3f} s")


PARTS = {"peer": part_peer, "open": part_open, "evaluate": part_evaluate, "simulated": part_simulated,
         "integer": part_integer, "calibrate": part_calibrate, "quantize": part_quantize, "run": part_run,
         "export": part_export, "stream": part_stream, "what_if": part_what_if}


def prepare(bench):
    args = bench.args
    args.work.mkdir(parents=True, exist_ok=True)
    if args.checkpoint is None:
        args.checkpoint = args.work / f"{args.family}-{args.shape}"
        if not args.checkpoint.exists():
            started = time.monotonic()
            subprocess.run([args.python, HERE / "make_checkpoint.py", args.checkpoint, "--family", args.family, "--shape",
                            args.shape, "--shards", str(args.shards)], check=True, stdout=sys.stderr)
            bench.facts["checkpoint made in"] = f"{time.monotonic() - started:.1f} s"
            time.sleep(2.1)  # hashes of files written just now are not remembered
    text = (HERE.parents[1] / "resources/samples/text/evaluation.txt").read_text()
    args.text = args.work / "text.txt"
    # The built-in text holds about 12,000 tokens of the samples' vocabularies.
    needed = max(args.windows * args.window, args.samples * 512)
    args.text.write_text(text * (needed // 8000 + 1))
    config = json.loads((args.checkpoint / "config.json").read_text())
    bench.facts["model"] = (f"{config['model_type']}, width {config['hidden_size']}, {config['num_hidden_layers']} blocks, "
                            f"{sum(f.stat().st_size for f in args.checkpoint.glob('*.safetensors')) / 1e9:.2f} GB")
    bench.facts["protocol"] = f"{args.windows} windows of {args.window}; calibration {args.samples} samples"
    bench.facts["date"] = datetime.date.today().isoformat()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build-dev"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/graticule-real-size"))
    parser.add_argument("--checkpoint", type=pathlib.Path, help="instead of making one")
    parser.add_argument("--family", default="llama")
    parser.add_argument("--shape", default="7b")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma separated")
    parser.add_argument("--out", type=pathlib.Path, help="OUT.json and OUT.md")
    parser.add_argument("--python", default=sys.executable, help="one with transformers")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.list:
        return print("\n".join(PARTS))
    if args.peer:
        return peer_process(args)
    unknown = set(args.parts.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    bench = Bench(args)
    prepare(bench)
    failed = 0
    for name in args.parts.split(","):
        try:
            PARTS[name](bench)
        except Exception as problem:  # the other parts are worth having
            failed += 1
            traceback.print_exc()
            bench.add(name, None, "failed", note=str(problem).replace("\n", " ")[:300])
    print(markdown(dict(facts=bench.facts, rows=bench.rows)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
