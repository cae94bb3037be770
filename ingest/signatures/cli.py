"""``guidang verify-signature``: usable without Airflow, ledger or servers."""

from __future__ import annotations

import argparse
import datetime as dt
import errno
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
TIMEOUT = 120.0
ZH = {"VALID": "有效", "INDETERMINATE": "不确定", "INVALID": "无效", "UNSIGNED": "未签名"}
ASPECTS = {
    "integrity": "完整性", "cryptography": "签名值", "chain": "证书链", "revocation": "吊销", "time": "时间",
    "coverage": "覆盖范围",
}  # fmt: skip
OUTCOMES = {"pass": "通过", "fail": "不通过", "unknown": "未知", "not_applicable": "不适用"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the ``guidang`` parser; it sets ``func``."""
    p = commands.add_parser(
        "verify-signature", help="验证文件中的电子签名和印章 / verify signatures and seals in files"
    )
    p.add_argument("files", nargs="+", type=Path, metavar="FILE")
    p.add_argument("--json", action="store_true", help="每个文件输出一行 JSON / one JSON object a line")
    p.add_argument("--trust", type=Path, help="信任库文件夹 / folder of anchors, intermediates and CRLs")
    p.add_argument(
        "--data", type=Path, help="分离式签名（p7s）所签的文件 / the file that a detached signature is about"
    )
    p.add_argument("--at", type=moment, help="判定时刻，默认现在 / moment of judging (ISO 8601), default now")
    p.add_argument("--timeout", type=float, default=TIMEOUT, help="每个文件的时限（秒）/ seconds a file may take")
    p.set_defaults(func=verify_signature)


def moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()


def _now(args: argparse.Namespace) -> dt.datetime:
    return args.at or dt.datetime.now(dt.UTC)


def _folder(args: argparse.Namespace) -> Path:
    if args.trust is not None:
        return Path(args.trust)
    from ingest.settings import Home

    return Home.of().config / "trust"


def verify_signature(args: argparse.Namespace) -> int:
    """Exit 0 when every file could be judged (whatever the verdict), 2 when a file or the store could not be read."""
    from ingest.signatures.trust import TrustError, TrustStore

    folder, at = _folder(args), _now(args)
    try:
        TrustStore.load(folder)
    except (TrustError, OSError) as error:
        _err(f"信任库 / trust store: {error}")
        return 2
    code = 0
    for verdict in judge_files(args.files, folder, at, args.timeout, args.data):
        if "error" in verdict:
            _err(f"{verdict['path']}: {verdict['error']}")
            code = 2
        elif args.json:
            _out(json.dumps(verdict, ensure_ascii=False))
        else:
            _out("\n".join(describe(verdict)))
    return code


def judge_files(
    files: Sequence[Path], folder: Path, at: dt.datetime, timeout: float, data: Path | None = None
) -> Iterator[Json]:
    """Judge files, each as soon as it is asked for, in a spawned worker that is killed when a file takes too long or brings it
    down; a file that cannot be opened gives ``{"path", "error"}``."""
    from ingest.signatures.apart import Apart, Lost

    with Apart(timeout) as worker:
        for path in files:
            try:
                yield worker.run(judge_file, path, folder, at, data)
            except Lost as error:
                yield _lost(path, at, str(error))
            except OSError as error:
                yield {"path": str(path), "error": error.strerror or str(error)}


def judge_file(path: Path, folder: Path, at: dt.datetime, data: Path | None) -> Json:
    """The verdict on one file as JSON; runs in the worker."""
    from ingest.signatures import TrustStore, verify, verify_detached

    store = TrustStore.load(folder)
    if data is not None:
        return verify_detached(_content(path), _content(data), str(path), store, at, str(data)).as_json()
    return verify(_content(path), str(path), store, at).as_json()


def _content(path: Path) -> bytes:
    """A regular file's bytes; OSError for a pipe or device, which might never end."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "不是普通文件 / not a regular file")
        return file.read()


def _lost(path: Path, at: dt.datetime, detail: str) -> Json:
    from ingest.signatures.verdict import Cause, Effect, FileVerdict, Verdict

    cause = Cause("SIG-RESOURCES", Effect.INDETERMINATE, {"detail": detail})
    return FileVerdict(str(path), Verdict.INDETERMINATE, (), (cause,), "", at.isoformat()).as_json()


def describe(verdict: Mapping[str, Any]) -> list[str]:
    """A verdict in lines for people, Chinese first."""
    lines = [f"{verdict['path']}：{ZH[verdict['verdict']]} / {verdict['verdict']}"]
    lines += _causes(verdict["file"], "  ")
    for number, signature in enumerate(verdict["signatures"], 1):
        lines.append(f"  签名 {number}（{signature['kind']}）：{ZH[signature['verdict']]} / {signature['verdict']}")
        evidence = signature["evidence"]
        seal, signer = evidence.get("seal"), evidence.get("certificates", {}).get("signer")
        if seal:
            lines.append(f"    印章 / seal：{seal['name']}（{seal['id']}）")
        if signer:
            lines.append(f"    签名人 / signer：{signer['subject']}，{signer['serial']}")
        times = evidence.get("signing_time", {})
        if "proven" in times:
            lines.append(f"    时间 / time：{times['proven']}（时间戳证明 / proven）")
        elif "claimed" in times:
            lines.append(f"    时间 / time：{times['claimed']}（自称 / claimed）")
        results = signature["results"]
        lines.append("    " + "  ".join(f"{zh} {OUTCOMES[results[key]['outcome']]}" for key, zh in ASPECTS.items()))
        for result in results.values():
            lines += _causes(result["causes"], "    ")
    return lines


def _causes(causes: Sequence[Mapping[str, Any]], indent: str) -> list[str]:
    return [line for c in causes for line in (f"{indent}- {c['code']} {c['zh']}", f"{indent}  {c['en']}")]


def _out(text: str) -> None:
    sys.stdout.write(text + "\n")


def _err(text: str) -> None:
    sys.stderr.write(text + "\n")
