"""``guidang watch``: look whether all is well, tell who is to know. Exit codes: 0 all well, 1 an incident is open, 2 trouble."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

from ingest.settings import Home


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``watch`` command."""
    p = commands.add_parser(
        "watch", help="看一遍：停滞、迟到、磁盘、台账；告警与解除 / look whether all is well, and tell"
    )
    p.add_argument("--every", type=float, metavar="MINUTES", help="一直看，每隔若干分钟 / go on looking")
    p.add_argument("--test", action="store_true", help="试发一条 / send a test message by every notifier")
    p.add_argument(
        "--json", action="store_true", help="未解除的事件，每行一个 JSON / open incidents as JSON, one a line"
    )
    p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    p.set_defaults(func=_watch)


def _watch(args: argparse.Namespace) -> int:
    from ingest.alerts import notify, watch
    from ingest.alerts.incidents import OPEN, incidents

    home = Home.of(args.home)
    if args.test:
        return _test(home)
    while True:
        watch.look(home, dt.datetime.now(dt.UTC))
        found = incidents(home, OPEN)
        for incident in found:
            line = json.dumps(incident, ensure_ascii=False) if args.json else notify.words(incident)
            sys.stdout.write(f"{line}\n")
        if not args.every:
            break
        sys.stdout.flush()
        time.sleep(args.every * 60)
    if not found and not args.json:
        sys.stdout.write("一切正常 / all is well\n")
    return 1 if found else 0


def _test(home: Home) -> int:
    from ingest.alerts import notify

    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    message: dict[str, Any] = {"schema": "guidang.alert/1.1", "what": "TEST", "subject": "guidang watch --test",
                               "state": "open", "begun_at": at,
               "ended_at": None, "zh": "试发", "en": "a test", "next": {"zh": "无需处理", "en": "nothing to do"},
               "page": "docs/operations/README.md", "count": 0, "lines": []}  # fmt: skip
    notifiers = notify.notifiers(home)
    bad = 0
    for name, send in notifiers.items():
        try:
            send(message)
            sys.stdout.write(f"{name}: 已发出 / sent\n")
        except notify.NotTold as e:
            bad = 2
            sys.stderr.write(f"{name}: {e}\n")
    if not notifiers:
        sys.stdout.write("没有配置邮件或 webhook（docs/operations/README.md）/ no notifier is configured\n")
    return bad
