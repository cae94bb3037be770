"""`guidang sample`: make the sample night from the command line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``sample`` command; its ``func`` takes the parsed arguments and returns the exit code."""
    parser = commands.add_parser("sample", help="生成样例夜 / make the sample night")
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    parser.add_argument(
        "--count",
        type=int,
        default=300,
        help="合格办件数，另加每种缺陷一件 / good cases; one of each fault comes on top",
    )
    parser.add_argument(
        "--seed", default="night-1", help="种子：相同种子得到相同字节 / the same seed gives the same bytes"
    )
    parser.add_argument("--jobs", type=int, help="进程数，默认每核一个 / worker processes, default one a core")
    parser.set_defaults(func=_sample)


def _sample(args: argparse.Namespace) -> int:
    from samplenight.night import make

    home = args.home or Path(os.environ.get("GUIDANG_HOME") or Path(__file__).parents[1] / "var")
    began = time.monotonic()
    try:
        done = make(
            home, count=args.count, seed=args.seed, jobs=args.jobs, progress=_show if sys.stderr.isatty() else None
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(
        f"{home}: {done.cases} 件合格 + {done.faulty} 件缺陷 = {done.deliveries} 次报送，{done.files} 个文件，{done.size / 1e6:.1f} MB，"
        f"{time.monotonic() - began:.0f} 秒 / good + faulty cases, deliveries, files, size, time\n"
    )
    return 0


def _show(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done}/{total}" + ("\n" if done == total else ""))
