"""``python -m sip.transfer FILE… [--json]``: judge transfer packages with nothing else installed. Exit 0 all valid, 1 some not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from sip.transfer.verify import verify


def main(argv: Sequence[str] | None = None) -> int:
    """The command; findings by code with their places."""
    parser = argparse.ArgumentParser(
        prog="sip.transfer", description="检验移交信息包（DA/T 93）/ verify transfer packages"
    )
    parser.add_argument("file", nargs="+", type=Path, help="ZIP or folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(argv)
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that cannot show a name must not stop the judging
        sys.stdout.reconfigure(errors="backslashreplace")
    worst = 0
    for path in options.file:
        found = verify(path).as_json()
        worst = max(worst, 0 if found["valid"] else 1)
        if options.json:
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            continue
        verdict = "有效 valid" if found["valid"] else "无效 invalid"
        sys.stdout.write(f"{found['path']}: {verdict}（{found['records']} 件 / records）\n")
        for f in found["findings"]:
            sys.stdout.write(f"  {f['severity']} {f['code']} {f['path'] or ''} {f['zh']} / {f['en']}\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
