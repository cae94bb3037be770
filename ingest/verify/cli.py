"""`guidang verify` and `guidang package`: look at packages on disk or in the store, and judge them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import ConfigError, Home

if TYPE_CHECKING:
    from io import RawIOBase

    from ingest.verify.judging import Judgement

_ADDRESS = "FILE|DIR|s3://BUCKET/KEY"


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("verify", help="核验归档信息包 / verify packages")
    p.add_argument(
        "places", nargs="+", metavar=_ADDRESS, help="包、展开的包，或存储中的包；前缀以 / 结尾 / a prefix ends with /"
    )
    p.add_argument("--bagit", action="store_true", help="同时由 bagit 库核验 / ask the bagit library too")
    p.add_argument("--no-signatures", action="store_true", help="不重判电子签名 / do not judge the signatures again")
    p.add_argument("--json", action="store_true", help="每个一行 JSON / one JSON object a line")
    _add_home(p)
    p.set_defaults(func=_verify)

    package = commands.add_parser("package", help="查看一个包，不取回全部 / look into one package without fetching it")
    sub = package.add_subparsers(required=True, metavar="ACTION")
    ls = sub.add_parser("ls", help="列出成员 / list the members")
    ls.add_argument("--json", action="store_true", help="每个一行 JSON / one JSON object a line")
    ls.set_defaults(func=_ls)
    cat = sub.add_parser("cat", help="输出一个成员 / write one member to standard output")
    cat.set_defaults(func=_cat)
    manifest = sub.add_parser("manifest", help="输出载荷清单 / write a payload manifest")
    manifest.add_argument("--algorithm", default="sha256", choices=("sha256", "sm3", "sha512"))
    manifest.set_defaults(func=_manifest)
    for p in (ls, cat, manifest):
        p.add_argument("place", metavar=_ADDRESS)
        _add_home(p)
    cat.add_argument("member", help="成员路径，可省去顶层文件夹 / its path, with or without the top folder")


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")


# ------------------------------------------------------------------------------------------------ verify


def _verify(args: argparse.Namespace) -> int:
    from ingest.verify.judging import Judges
    from ingest.verify.places import places

    home, worst = Home.of(args.home), 0
    with Judges(home, bagit=args.bagit, signatures=not args.no_signatures) as judges:
        for word in args.places:
            for place in places(home, word):
                found = judges.judge(place)
                worst = max(worst, 2 if not found.judged else 0 if found.valid else 1)
                if args.json:
                    _write(json.dumps(found.as_json(), ensure_ascii=False))
                else:
                    _show(found)
    return worst


def _show(found: Judgement) -> None:
    word = "无法判断 not judged" if not found.judged else "有效 valid" if found.valid else "无效 invalid"
    shown = found.as_json()
    again = shown["signatures"]
    signed = f"重判 {again['files']} 个 judged again: {again['verdict']}" if again else "未核验 not checked"
    _write(
        f"{word}  {shown['path']}  "
        f"({shown['files']} 个文件 files, {shown['payload_bytes']} 字节 bytes; 签名 signatures: {signed})"
    )
    for f in shown["findings"]:
        _write(f"  {f['severity']} {f['code']}  {f['path'] or ''}  {f['zh']} / {f['en']}")


# ------------------------------------------------------------------------------------------------ package


def _ls(args: argparse.Namespace) -> int:
    from sip.remote import members

    for item in members(_file(args)):
        if args.json:
            _write(json.dumps({"name": item.name, "size": item.size}, ensure_ascii=False))
        else:
            _write(f"{item.size:>14}  {item.name}")
    return 0


def _cat(args: argparse.Namespace) -> int:
    return _copy_out(args, args.member)


def _manifest(args: argparse.Namespace) -> int:
    return _copy_out(args, f"manifest-{args.algorithm}.txt")


def _copy_out(args: argparse.Namespace, member: str) -> int:
    """One member to standard output, its CRC-32 checked: exit 1 where what was written is damaged."""
    from sip.container import Damaged
    from sip.remote import cat

    try:
        for piece in cat(_file(args), member):
            sys.stdout.buffer.write(piece)
    except KeyError:
        raise ConfigError(f"包内没有此成员 / there is no such member: {member}") from None
    except Damaged as e:
        sys.stderr.write(f"{member}: {e.fault.text('zh')} / {e.fault.text('en')}\n")
        return 1
    sys.stdout.buffer.flush()
    return 0


def _file(args: argparse.Namespace) -> RawIOBase:
    """The package as a file read only where it is asked for."""
    from ingest.verify.places import places

    (place,) = places(Home.of(args.home), args.place)
    try:
        if place.store is not None:
            return place.store.open(place.key)
        assert place.path is not None
        return place.path.open("rb", buffering=0)
    except KeyError:
        raise ConfigError(f"没有此对象 / no such object: {args.place}") from None
    except OSError as e:
        raise ConfigError(f"不能读取 / cannot be read: {args.place}: {e.strerror}") from e


def _write(line: str) -> None:
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()
