"""``guidang staging``: who holds what in staging and why; orphans found and, when asked, removed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ingest.settings import Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``staging``; sets ``func``."""
    parser = commands.add_parser("staging", help="暂存区：谁占着、为什么 / who holds what in staging, and why")
    parser.add_argument("--orphans", action="store_true", help="只列无主的 / only what nobody needs")
    parser.add_argument(
        "--remove-orphans",
        action="store_true",
        help="删除无主的；不要在一夜运行之中 / remove them; not while a run is on",
    )
    parser.add_argument("--json", action="store_true", help="每项一行 JSON / one JSON object a line")
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    parser.set_defaults(func=_staging)


def _staging(args: argparse.Namespace) -> int:
    from rich.table import Table

    from ingest.ledger import Ledger
    from ingest.show import console
    from ingest.staging.holdings import holdings, remove_orphans

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        found = holdings(home, ledger)
    if args.orphans or args.remove_orphans:
        found = [h for h in found if h.orphan]
    freed = remove_orphans(found) if args.remove_orphans else 0
    if args.json:
        for holding in found:
            sys.stdout.write(json.dumps(holding.as_json(), ensure_ascii=False) + "\n")
        return 0
    table = Table(title=f"暂存区 / staging  {home.staging}")
    for head in ("MB", "机构 agency", "报送 delivery", "状态 state", "为什么 why", "自 since"):
        table.add_column(head, justify="right" if head == "MB" else "left")
    for h in found:
        why = h.why or "无主 / nobody needs it"
        table.add_row(
            f"{h.bytes / 1e6:.1f}", h.agency or "—", h.delivery or h.path.name, h.state or "—", why, h.since[:16]
        )
    table.add_row(f"{sum(h.bytes for h in found) / 1e6:.1f}", "Σ", str(len(found)), "", "", "", style="bold")
    console.print(table)
    if args.remove_orphans:
        console.print(f"已删除 {len(found)} 项，{freed / 1e6:.1f} MB / removed {len(found)}, {freed / 1e6:.1f} MB")
    return 0
