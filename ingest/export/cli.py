"""`guidang export`: the record of a package as DA/T 48 EEP or as the deployed ZIP."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.settings import ConfigError, Home

if TYPE_CHECKING:
    from io import RawIOBase

_FORMS = ("eep", "deployed")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``export`` command; exit 0 written, 1 the package is not valid, 2 it cannot be read or written."""
    p = commands.add_parser(
        "export", help="把一个包导出为 EEP 或已部署的 ZIP 形式 / write a package as EEP or deployed ZIP"
    )
    p.add_argument("place", metavar="FILE|s3://BUCKET/KEY", help="归档信息包 / the package")
    p.add_argument("--form", required=True, choices=_FORMS, help="eep：DA/T 48；deployed：已部署的 ZIP 形式")
    p.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help="写到此文件 / the file to write")
    p.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    p.set_defaults(func=_export)


def _export(args: argparse.Namespace) -> int:
    from sip.export import NotExported, export

    attempt = args.out.with_name(f".{args.out.name}.{os.getpid()}")
    try:
        with _package(args) as package, attempt.open("wb") as out:
            export(package, args.form, out)
        attempt.replace(args.out)  # whole or not at all
    except NotExported as e:
        sys.stderr.write(f"{args.place}: {e}\n")
        for found in e.result.as_json()["findings"]:
            sys.stderr.write(f"  {found['code']}  {found['path'] or ''}  {found['zh']} / {found['en']}\n")
        return 1
    except OSError as e:
        raise ConfigError(f"不能读写 / cannot be read or written: {e}") from e
    finally:
        attempt.unlink(missing_ok=True)
    return 0


def _package(args: argparse.Namespace) -> RawIOBase:
    from ingest.verify.places import places

    found = list(places(Home.of(args.home), args.place))
    if len(found) != 1:
        raise ConfigError(f"须恰好指定一个包 / name exactly one package: {args.place}")
    if found[0].store is not None:
        try:
            return found[0].store.open(found[0].key)
        except KeyError:
            raise ConfigError(f"没有此对象 / no such object: {args.place}") from None
    assert found[0].path is not None
    return found[0].path.open("rb", buffering=0)
