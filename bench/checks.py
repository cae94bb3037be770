"""What a checked record costs: metadata and codes beside jsonschema alone, formats with opening, by kind of file.

    python bench/checks.py [--count 30] [--repeat 7]

Makes a small sample night, reads it into memory, and prints medians of CPU time (one process, one thread; the identifier's
own threads are counted). Signatures are timed by their own bench.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.checks import formats, pixels, policy, readable
from ingest.checks.ofdzip import BadZip
from ingest.metadata import schema, strictjson, validate
from ingest.metadata.canonical import normalised
from ingest.settings import Home
from samplenight.night import make


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30, help="good cases in the night (default 30)")
    parser.add_argument("--repeat", type=int, default=7, help="rounds; the median counts (default 7)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guidang-bench-") as folder:
        home = Home.of(folder)
        make(home.root, count=args.count, seed="bench-checks", jobs=1)
        as_of = dt.datetime.fromisoformat(json.loads((home.root / "expectations.json").read_text("utf-8"))["as_of"])
        _metadata(home, as_of, args.repeat)
        _formats(home, args.repeat)
    return 0


def _metadata(home: Home, as_of: dt.datetime, repeat: int) -> None:
    cases: list[tuple[bytes, Any, Any]] = []
    for agency, entry in sorted(home.agencies().items()):
        for path in sorted((home.inbox / agency).glob("*/case.json")):
            data = path.read_bytes()
            try:
                cases.append((data, strictjson.loads(data), entry.raw))
            except strictjson.BadJson:
                continue
    size = statistics.mean(len(data) for data, _, _ in cases)
    print(f"metadata: {len(cases)} records of {size / 1000:.1f} kB, ms a record")
    steps: list[tuple[str, Callable[[Any], Any]]] = [
        ("json.loads (for comparison)", lambda c: json.loads(c[0])),
        ("strict reading", lambda c: strictjson.loads(c[0])),
        ("jsonschema alone", lambda c: schema.explain(c[1])),
        ("all metadata checks", lambda c: validate(c[1], as_of, c[2])),
        ("canonical record", lambda c: normalised(c[1])),
    ]
    for name, step in steps:
        print(f"  {name:<28} {_median(step, cases, repeat) * 1000:8.3f}")


def _formats(home: Home, repeat: int) -> None:
    by_kind: dict[str, list[tuple[Path, bytes]]] = {}
    for path in sorted(home.inbox.glob("*/*/*/*")):
        data = path.read_bytes()
        try:
            found = formats.identify(path, path.name, data)
        except BadZip:
            continue
        if found.accepted and data:
            by_kind.setdefault(found.accepted.id, []).append((path, data))
    print("formats: identified and opened to pages, ms a file")
    pictures = [file for kind in ("jpeg", "png", "tiff") for file in by_kind.get(kind, [])]
    total, count = 0.0, 0
    for kind, files in sorted(by_kind.items()):
        cost = _median(_open, files, repeat)
        size = statistics.mean(len(data) for _, data in files)
        print(f"  {kind:<6} {len(files):5} files of {size / 1000:7.1f} kB {cost * 1000:8.3f}   {1 / cost:8.0f} files/s")
        total, count = total + cost * len(files), count + len(files)
    print(f"  all    {count:5} files {' ' * 14} {total / count * 1000:8.3f}   {count / total:8.0f} files/s")
    if pictures and pixels.available():
        print(
            f"  pictures decoded besides, {len(pictures)} files {_median(_decode, pictures, repeat) * 1000:14.3f} ms a file"
        )


def _decode(file: tuple[Path, bytes]) -> None:
    pixels.decode(file[1])


def _open(file: tuple[Path, bytes]) -> None:
    path, data = file
    found = formats.identify(path, path.name, data)
    if found.accepted:
        readable.read(found.accepted.reader, data, policy.limits())


def _median(step: Callable[[Any], Any], inputs: list[Any], repeat: int) -> float:
    """Seconds of CPU for one input: the median round over all inputs."""
    rounds = []
    for _ in range(repeat):
        began = time.process_time()
        for given in inputs:
            step(given)
        rounds.append((time.process_time() - began) / len(inputs))
    return statistics.median(rounds)


if __name__ == "__main__":
    raise SystemExit(main())
