"""`guidang store …`: prepare a bucket, see what a server can do, hold packages, fill replicas."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.settings import ConfigError, Home

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.store.config import StoreConfig

_WORDS = {
    "checksum_verified": "核对 SHA-256 / refuses a wrong SHA-256",
    "checksum_kept": "保存 SHA-256 / tells the SHA-256 it keeps",
    "part_checksum_verified": "核对分段的 SHA-256 / refuses a part with a wrong SHA-256",
    "part_checksum_kept": "保存分段的 SHA-256 / tells the SHA-256 of parts",
    "conditional_put": "不覆盖已有对象 / refuses to overwrite (If-None-Match)",
    "conditional_complete": "分段上传不覆盖 / the same for uploads in parts",
    "versions": "保留版本 / keeps versions",
    "object_lock": "对象锁定 / Object Lock",
    "tls": "TLS",
}


def add_parser(subparsers: Any) -> None:
    """Add ``store`` with its actions to the commands of `guidang`."""
    store = subparsers.add_parser("store", help="对象存储：副本、能力、保全 / the object store")
    actions = store.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, text: str, func: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        p: argparse.ArgumentParser = actions.add_parser(name, help=text)
        p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
        p.set_defaults(func=func)
        return p

    probe = action("probe", "逐项试出每个副本的能力并记录 / try what each replica can do, and record it", _probe)
    probe.add_argument("--json", action="store_true", help="以 JSON 输出 / as JSON")
    init = action("init", "建桶：版本、对象锁定、最小权限策略 / make the bucket with its policies", _init)
    init.add_argument("--replica", default="main", help="副本名称，默认 main / which replica")
    init.add_argument("--ingest", metavar="ARN", help="只增不删的用户 / the user that adds and never deletes")
    init.add_argument("--auditor", metavar="ARN", help="只读的用户 / the user that only reads")
    keys = action("keys", "录入一个副本的密钥（不回显）/ enter the keys of a replica", _keys)
    keys.add_argument("replica", metavar="NAME")
    keys.add_argument(
        "--auditor", action="store_true", help="只读的密钥，供工作台查看 / the read-only keys, for the desk"
    )
    for name, text, func in (
        ("hold", "保全：在解除之前任何副本都不能删除 / legal hold on a package", _hold),
        ("release", "解除保全 / end a hold", _release),
    ):
        p = action(name, text, func)
        p.add_argument("key", metavar="KEY", help="包的对象键 / the package's object key")
        p.add_argument("--as", dest="by", required=True, metavar="WHO", help="经办人 / who decides")
        p.add_argument("--why", required=True, help="依据 / on what ground")
    copies = action("copies", "一个包的各份副本 / the copies of a package", _copies)
    copies.add_argument("key", metavar="KEY", help="包的对象键 / the package's object key")
    action("sync", "补齐各副本缺少的包 / copy to each replica what it lacks", _sync)


def _probe(args: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.store import abilities, config
    from ingest.store.objects import client

    home = Home.of(args.home)
    plan = config.plan(home)
    away = 0
    for replica in plan.replicas:
        try:
            found = abilities.record(home, replica, abilities.probe(client(replica), replica))
        except (BotoCoreError, ClientError) as e:
            away += 1
            _say(args, {"replica": replica.name, "away": str(e)}, f"{replica.name}: 不可达 / away: {e}")
            continue
        lines = [f"{replica.name}  {replica.endpoint}  {replica.bucket}"]
        lines += [f"  {'有 yes' if getattr(found, name) else '无 no '}  {text}" for name, text in _WORDS.items()]
        _say(args, {"replica": replica.name, **dataclasses.asdict(found)}, "\n".join(lines))
    if len(plan.replicas) == 1 and not args.json:
        _print("只有一份副本：这台机器或磁盘损坏即全部丢失，请配置第二副本（docs/store.md）")
        _print("One copy only: configure a second replica on another machine (docs/store.md)")
    return 2 if away else 0


def _init(args: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.store import bucket, config

    replica = next((r for r in config.plan(Home.of(args.home)).replicas if r.name == args.replica), None)
    if replica is None:
        raise ConfigError(
            f"没有名为 {args.replica} 的副本，请先写入 config/store.json / no such replica: {args.replica}"
        )
    principals = {role: arn for role in ("ingest", "auditor") if (arn := getattr(args, role))}
    try:
        done = bucket.prepare(_as_admin(Home.of(args.home), replica), principals)
    except (BotoCoreError, ClientError) as e:
        _print(f"{replica.endpoint} {replica.bucket}: {e}", sys.stderr)
        return 2
    for line in done:
        _print(line)
    if not principals:
        _print("请把下列策略授予相应用户，或以 --ingest ARN --auditor ARN 写入桶策略 / attach these to the users:")
        for role in ("ingest", "auditor"):
            _print(f"  schemas/store/{role}.policy.json  （${{bucket}} → {replica.bucket}）")
    return 0


def _as_admin(home: Home, replica: StoreConfig) -> StoreConfig:
    """The replica as its administrator, from the environment, else (embedded store) from the secrets of the home."""
    access, secret = os.environ.get("GUIDANG_STORE_ADMIN_ACCESS_KEY"), os.environ.get("GUIDANG_STORE_ADMIN_SECRET_KEY")
    own = home.secrets / "s3.json"
    if access and secret:
        return dataclasses.replace(replica, access_key=access, secret_key=secret)
    if own.exists() and "GUIDANG_STORE_ENDPOINT" not in os.environ and replica.name == "main":
        admin = json.loads(own.read_text("utf-8"))["admin"]
        return dataclasses.replace(replica, access_key=admin["access_key"], secret_key=admin["secret_key"])
    raise ConfigError(
        "建桶要用管理员密钥：请设置 GUIDANG_STORE_ADMIN_ACCESS_KEY 与 GUIDANG_STORE_ADMIN_SECRET_KEY（用后取消，不要写入配置）"
        " / making a bucket takes the administrator's keys: set GUIDANG_STORE_ADMIN_ACCESS_KEY and …_SECRET_KEY for this command"
    )


def _keys(args: argparse.Namespace) -> int:
    from ingest.store import config, reading

    access = input("access key: ").strip()
    save = reading.save_keys if args.auditor else config.save_keys
    save(Home.of(args.home), args.replica, access, getpass.getpass("secret key: ").strip())
    return 0


def _hold(args: argparse.Namespace) -> int:
    from ingest.steps import holding

    return _decide(args, holding.hold, "已保全 / held")


def _release(args: argparse.Namespace) -> int:
    from ingest.steps import holding

    return _decide(args, holding.release, "已解除保全 / released")


def _decide(args: argparse.Namespace, act: Callable[[Home, Ledger, str, str, str], list[str]], word: str) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from ingest.ledger import Ledger
    from ingest.steps.holding import UnknownPackage

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        try:
            replicas = act(home, ledger, args.key, args.by, args.why)
        except UnknownPackage as e:
            _print(str(e), sys.stderr)
            return 1
        except (BotoCoreError, ClientError) as e:
            _print(f"未完成，请重新运行 / not done, run it again: {e}", sys.stderr)
            return 2
    _print(f"{word}: {args.key} ({', '.join(replicas)})")
    return 0


def _copies(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger, copies

    with Ledger(Home.of(args.home).database_url) as ledger, ledger.read() as conn:
        known = copies.of_key(conn, args.key)
    for c in known:
        held = "  保全 held" if c["legal_hold"] else ""
        lock = f"  {c['lock_mode']} → {c['retain_until']}" if c["lock_mode"] else ""
        _print(f"{c['replica']:<12}{c['state']:<9}{c['verified_at']}  {c['size']}  {c['sha256']}{lock}{held}")
    return 0 if known else 1


def _sync(args: argparse.Namespace) -> int:
    from ingest.ledger import Ledger
    from ingest.steps import copying

    home = Home.of(args.home)
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        done = copying.sync(home, ledger)
    for name, count in done.made.items():
        _print(f"{name}: 补齐 {count} 份 / {count} copies made")
    for what, why in done.trouble.items():
        _print(f"{what}: {why}", sys.stderr)
    return 2 if done.trouble else 0


def _say(args: argparse.Namespace, data: dict[str, Any], text: str) -> None:
    _print(json.dumps(data, ensure_ascii=False) if args.json else text)


def _print(text: str, file: Any = None) -> None:
    print(text, file=file or sys.stdout)
