"""A command of the program that is run once: what it printed lies in a folder, so that a long campaign goes on where it was."""
import json
import pathlib
import subprocess
import sys
import time


def kept_file(folder, name):
    return pathlib.Path(folder) / f"{name}.json"


def kept_run(cli, folder, name, line):
    """The JSON of `line`; ends the program where the command fails."""
    kept = kept_file(folder, name)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        done = subprocess.run(["nice", cli, *line, "--json"], stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(line)} failed with {done.returncode}: {done.stdout.decode()}")
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
        aside = kept.with_suffix(".part")
        aside.write_bytes(done.stdout)
        aside.rename(kept)
    return json.loads(kept.read_text())
