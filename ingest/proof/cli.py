"""`guidang prove`: verify one record now, as the auditor's page does, and show the evidence."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ingest.settings import ConfigError, Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "prove", help="即时核验一件：副本、包、签名、台账、事件链 / verify one record now, with its evidence"
    )
    p.add_argument("name", metavar="NAME", help="档号、电子文件号、对象键或记录号 / archival code, key or record id")
    p.add_argument("--as", dest="by", required=True, metavar="WHO", help="核验人 / who asks for it")
    p.add_argument("--json", action="store_true", help="输出带证据的文件 / the document with its evidence")
    p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    p.set_defaults(func=_prove)


def _prove(args: argparse.Namespace) -> int:
    """Exit 0 all good, 1 something is wrong, 2 something could not be judged."""
    from ingest.ledger import Ledger
    from ingest.proof.evidence import NAMES, Outcome
    from ingest.proof.prove import digest, evidence_of, prove
    from ingest.proof.subject import ids_of

    home = Home.of(args.home)
    worst = 0
    with Ledger(home.database_url) as ledger:
        with ledger.read() as conn:
            ids = ids_of(conn, args.name)
        if not ids:
            raise ConfigError(f"台账中没有 / the ledger does not know: {args.name}")
        for record_id in ids:
            said = prove(home, ledger, record_id, args.by)
            worst = max(worst, {"good": 0, "bad": 1}.get(said["outcome"], 2))
            if args.json:
                _say(json.dumps(said, ensure_ascii=False))
                continue
            _say(f"{said['outcome']}  {said['key']}  SHA-256 {digest(said)}")
            for part, evidence in evidence_of(said).items():
                _say(f"  {' / '.join(NAMES[part])}")
                for e in evidence:
                    values = f"  {e.expected} ≠ {e.found}" if e.outcome is Outcome.BAD else ""
                    _say(f"    {e.outcome.value:<8}{e.code}  {e.where}  {e.zh} / {e.en}{values}")
    return worst


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
