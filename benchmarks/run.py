"""Speed and memory of pkibuild as ratios to what does the same work, measured side by side: `make bench`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cases import Bench, cold, growth, size
from figures import Figure, table
from processes import Failed, creation

SLOW = 150e-6
"""Seconds for a folder and a file in it. A third of that is usual."""
BUSY = 0.5
"""Load average of the last minute from which one processor is not there for us."""
DELETED = "was much deleted on this file system in the last minutes? See benchmarks/README.md"


def numbers(text: str) -> tuple[int, ...]:
    found = tuple(int(word.replace("_", "")) for word in text.split(",") if word)
    if any(one < 1 for one in found):
        raise argparse.ArgumentTypeError("sizes are counted from 1")
    return found


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog="See benchmarks/README.md.")
    parser.add_argument("--hosts", type=numbers, default=(10, 1000, 10_000), metavar="N,N", help="sizes of the trees")
    parser.add_argument("--rsa", type=numbers, default=(100,), metavar="N,N", help="sizes of the trees with RSA-2048")
    parser.add_argument(
        "--growth",
        type=numbers,
        nargs="?",
        const=(10, 1000, 10_000, 100_000),
        default=(),
        metavar="N,N,N",
        help="also build trees of growing size (10 to 100,000; takes long, and 6 GB of disk)",
    )
    parser.add_argument("--rounds", type=int, default=15, help="how often what takes milliseconds is measured")
    parser.add_argument("--budget", type=float, default=40, metavar="SECONDS", help="for one comparison")
    parser.add_argument("--quick", action="store_true", help="small trees and few rounds: a rough answer")
    parser.add_argument("--folder", type=Path, help="where to build (default: a temporary folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure with all of its runs")
    chosen = parser.parse_args(argv)
    if chosen.quick:
        chosen.hosts = tuple(one for one in chosen.hosts if one <= 1000)
        chosen.rounds, chosen.budget = min(chosen.rounds, 5), min(chosen.budget, 10)
    return chosen


def figures(bench: Bench, chosen: argparse.Namespace) -> Iterator[Figure]:
    for hosts in chosen.hosts:
        yield from size(bench, hosts, memory=hosts == max(chosen.hosts))
    for hosts in chosen.rsa:
        yield cold(bench, hosts, "rsa-2048")[2]
    yield from growth(bench, chosen.growth)


def machine(folder: Path) -> dict[str, Any]:
    (folder / "creation").mkdir()
    return {
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "folder": str(folder),
        "creation": creation(folder / "creation"),
    }


def main(argv: Sequence[str]) -> int:
    chosen = arguments(argv)
    folder = Path(tempfile.mkdtemp(prefix="pkibuild-bench-", dir=chosen.folder))
    about = machine(folder)
    print(", ".join(f"{name} {value}" for name, value in about.items()), file=sys.stderr)
    if about["creation"] > SLOW:
        print(f"warning: a folder with a file takes {about['creation'] * 1e6:.0f} µs here: {DELETED}", file=sys.stderr)
    if about["load"] > BUSY:
        print("warning: other programs are running: what uses several processors is measured too slow", file=sys.stderr)
    bench = Bench(folder, chosen.rounds, chosen.budget, lambda text: print(f"… {text}", file=sys.stderr))
    found: list[Figure] = []
    try:
        for figure in figures(bench, chosen):
            found.append(figure)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if found:
            print(table(found))
        shutil.rmtree(folder)  # only now: see README.md
    if chosen.json:
        told = {"machine": about, "figures": [figure.as_json() for figure in found]}
        chosen.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
