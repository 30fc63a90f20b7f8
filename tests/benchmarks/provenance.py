"""What a recorded run must say of itself: which commit, when, on which machine."""
import datetime
import pathlib
import platform
import re
import subprocess


def commit_here():
    """The commit of the checkout that this script lies in, "+ changes" behind it where there are any; "unknown" outside one."""
    def git(*words):
        done = subprocess.run(["git", "-C", str(pathlib.Path(__file__).resolve().parent), *words], capture_output=True, text=True,
                              check=False)
        return done.stdout.strip() if done.returncode == 0 else None
    try:
        commit = git("rev-parse", "--short", "HEAD")
        return "unknown" if not commit else commit + (" + changes" if git("status", "--porcelain", "-uno") else "")
    except OSError:  # no git
        return "unknown"


def processor():
    """The CPU's name and how many threads it has."""
    try:
        name = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    except OSError:
        name = None
    threads = len(list(pathlib.Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    return f"{name.group(1) if name else platform.processor() or platform.machine()}, {threads} threads"


def of_run(commit=""):
    """commit: where the script lies outside the checkout that the libraries were built from."""
    return {"commit": commit or commit_here(), "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "processor": processor()}


def spread(values):
    """Median and spread of repeated measurements, in their unit."""
    ordered = sorted(values)
    def at(share):
        return ordered[round(share * (len(ordered) - 1))]
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return {"median": median, "min": ordered[0], "p10": at(0.1), "p90": at(0.9)}
