"""`guidang check`: the 四性检测 of a delivery or a file, without servers and without taking it in."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.checks import CheckReport
    from ingest.checks.inputs import Input
    from ingest.checks.packages import PackageReport
    from ingest.checks.virus import Scanner
    from ingest.findings import Finding
    from ingest.settings import Home
    from sip.forms import Form

_METADATA = "case.json"


class NotJudged(Exception):
    """The input cannot be judged as asked; the text says what is missing."""


_ACCEPTED, _NOT_ACCEPTED, _NOT_JUDGED = 0, 1, 2


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``check`` command; its ``func`` returns 0 accepted, 1 not accepted, 2 could not be judged."""
    parser = commands.add_parser(
        "check", help="检测报送内容或单个文件，不归档 / check deliveries or files, take nothing in"
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="报送文件夹、ZIP、EEP、移交包，其上级文件夹，或单个文件 / deliveries, folders of them, files",
    )
    parser.add_argument("--home", type=Path, help="数据目录，默认 $GUIDANG_HOME 或 var/ / home folder")
    parser.add_argument(
        "--agency", help="报送机构标识，默认按文件夹或信用代码 / agency id, by default from folder or credit code"
    )
    parser.add_argument("--as-of", type=dt.datetime.fromisoformat, help="检测时间（ISO 8601），默认现在 / default now")
    parser.add_argument(
        "--clamd",
        default=os.environ.get("GUIDANG_CLAMD"),
        metavar="ADDRESS",
        help="杀毒引擎 clamd 的地址，unix:路径 或 主机:端口；默认 $GUIDANG_CLAMD，没有则不检测病毒 / clamd's address",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FOLDER",
        help="把每件的四性检测报告（HTML）写入该文件夹 / write a report for each record",
    )
    parser.add_argument(
        "--pdf",
        type=Path,
        metavar="OUT",
        help="把各件的四性检测报告写成一个 PDF / one PDF of all the records' reports",
    )
    parser.add_argument(
        "--stage",
        choices=("GD", "BC"),
        default="GD",
        help="环节：GD 归档（默认），BC 长期保存，对象是归档信息包 / archiving, or keeping: then PATH are packages",
    )
    parser.add_argument("--json", action="store_true", help="每件一行 JSON / one JSON object a line")
    parser.set_defaults(func=_check)


def _check(args: argparse.Namespace) -> int:
    from ingest.checks.inputs import Input, listed
    from ingest.checks.virus import Clamd
    from ingest.model import CST
    from ingest.profiles import Profiles
    from ingest.settings import Home
    from ingest.signatures import TrustError

    home = Home.of(args.home)
    as_of = args.as_of or dt.datetime.now(CST)
    try:
        scanner = Clamd(args.clamd) if args.clamd else None
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return _NOT_JUDGED
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=CST)
    worst = _ACCEPTED
    forms: list[Form] = []
    known = Profiles.load(home.profiles)
    inputs = listed(args.paths, home, lambda path: _known(home, path, args.agency), known)
    kept = args.stage == "BC"
    for what in (Input(path) for path in args.paths) if kept else inputs:
        try:
            findings, report = (
                _judge_kept(home, what.path, as_of, scanner)
                if kept
                else _judge(home, what, as_of, args.agency, scanner)
            )
            if report and (args.report or args.pdf):
                forms.append(_form(report, as_of))
                if args.report:
                    _write_report(args.report, what, forms[-1])
        except (OSError, NotJudged, TrustError) as exc:
            sys.stderr.write(f"{what}: {exc}\n")
            worst = _NOT_JUDGED
            continue
        row = _row(what, findings, args.stage)
        _print(row, findings, report.items if report else [], as_json=args.json)
        worst = max(worst, _ACCEPTED if row["accepted"] else _NOT_ACCEPTED)
    if args.pdf and forms:
        return max(worst, _write_pdf(args.pdf, forms))
    return worst


def _write_pdf(path: Path, forms: list[Form]) -> int:
    from sip.forms import FormsNotInstalled, to_pdf

    try:
        path.write_bytes(to_pdf(*forms))
    except (FormsNotInstalled, OSError) as exc:
        sys.stderr.write(f"{path}: {exc}\n")
        return _NOT_JUDGED
    return _ACCEPTED


def _judge_kept(
    home: Home, path: Path, as_of: dt.datetime, scanner: Scanner | None
) -> tuple[list[Finding], CheckReport | PackageReport | None]:
    from ingest.checks import packagecli

    report = packagecli.check(path, home, as_of, scanner)
    return report.findings, report


def _judge(
    home: Home, what: Input, as_of: dt.datetime, agency: str | None, scanner: Scanner | None
) -> tuple[list[Finding], CheckReport | PackageReport | None]:
    """Findings, and the whole report where a record got as far as being checked.

    Raises OSError for what cannot be read, NotJudged for an unknown agency or a folder that holds no delivery.
    """
    from ingest.checks import CheckContext, run
    from ingest.metadata.case import read
    from ingest.profiles import Profiles
    from ingest.signatures import TrustStore
    from ingest.sources import local_delivery
    from ingest.steps.check import lacks, scans, whole
    from ingest.steps.receive import Context, receive

    trust = TrustStore.load(home.trust)
    if what.loose:
        return _judge_file(what.path, as_of, trust, scanner), None
    if not what.path.exists():
        raise FileNotFoundError("没有这个文件或文件夹 / no such file or folder")
    with tempfile.TemporaryDirectory(prefix="guidang-check-") as folder:
        into = Path(folder) / "staged"
        into.mkdir()
        context = Context(
            Profiles.load(home.profiles), _known(home, what.path, agency), Path(folder) / "whole", what.part
        )
        received = receive(local_delivery(what.path), into, home.limits, context)
        if received.final:
            if what.path.is_dir() and [f.code for f in received.findings] == ["PRF-UNKNOWN-FORM"]:
                raise NotJudged(received.findings[0].text("zh"))
            return received.findings, None
        case = read((into / _METADATA).read_bytes())
        entry = _agency(home, what.path, case, agency)
        report = run(
            case, received.files, into,
            CheckContext(as_of, entry, trust, received.findings, scanner, lacks=lacks(into), whole=whole(into),
                         scans=scans(into)),
        )  # fmt: skip
    return report.findings, report


def _known(home: Home, path: Path, wanted: str | None) -> Mapping[str, Any]:
    """The registry's entry by name or by the folder above the delivery, before anything is read; an empty one where there is none."""
    from ingest.settings import ConfigError

    try:
        agencies = home.agencies()
    except ConfigError:
        return {}
    found = agencies.get(wanted or path.resolve().parent.name)
    return found.raw if found else {}


def _write_report(folder: Path, what: Input, form: Form) -> None:
    from sip.forms import to_html

    folder.mkdir(parents=True, exist_ok=True)
    whole = what.path.resolve()
    shown = f"{whole.parent.name} {whole.name} {what.part}".rstrip()
    (folder / f"{shown}.html").write_text(to_html(form), "utf-8")


def _form(report: CheckReport | PackageReport, as_of: dt.datetime) -> Form:
    from ingest.checks.engine import CheckReport
    from ingest.checks.report import of_package, of_record
    from ingest.checks.reportform import check_report

    return check_report(of_record(report, as_of) if isinstance(report, CheckReport) else of_package(report, as_of))


def _judge_file(path: Path, as_of: dt.datetime, trust: Any, scanner: Scanner | None) -> list[Finding]:
    from ingest.checks.engine import CheckContext, check_file, scan
    from ingest.model import StagedFile

    file = StagedFile(path.name, path.name, path.name, path.stat().st_size, "", "", 0)
    found = check_file(file, {}, path.parent, CheckContext(as_of, {}, trust)).findings
    return [*found, *scan([file], path.parent, scanner)[1]]


def _agency(home: Home, path: Path, case: Mapping[str, Any], wanted: str | None) -> Mapping[str, Any]:
    """The registry's entry: as asked for, else by the folder above the delivery, else by the unit's credit code.

    Without a registry the record is taken at its word: its own unit is the agency.
    """
    from ingest.metadata.parts import section, text
    from ingest.settings import ConfigError

    record = section(case, "record")
    try:
        known = {name: entry.raw for name, entry in home.agencies().items()}
    except ConfigError:
        if wanted:
            raise
        return {"id": "?", "uscc": text(record, "unit_uscc"), "fonds_no": text(record, "fonds_no")}
    if wanted:
        if wanted not in known:
            raise NotJudged(f"机构登记表中没有 {wanted} / not in the agency registry")
        return known[wanted]
    by_code = {str(entry["uscc"]): entry for entry in known.values()}
    found = known.get(path.resolve().parent.name) or by_code.get(text(record, "unit_uscc") or "")
    if found is None:
        raise NotJudged("不知道由哪个机构报送，请用 --agency / which agency delivered it is not known: use --agency")
    return found


def _row(what: Input, findings: list[Finding], stage: str) -> dict[str, Any]:
    from ingest.checks.items import Stage, items_of, subject_code
    from ingest.findings import Severity, gravest

    rows = [
        {
            "code": subject_code(finding),
            "item": ",".join(items_of(subject_code(finding), Stage(stage))),
            "result": _RESULTS[finding.weight.value],
            "severity": finding.weight.value,
            "path": finding.path,
            "field": finding.field,
        }
        for finding in findings
    ]
    accepted = gravest(findings) not in (Severity.REJECT, Severity.HOLD)
    return {"path": str(what), "accepted": accepted, "findings": rows}


_RESULTS = {"reject": "fail", "hold": "manual", "remark": "warn", "info": "pass"}


def _print(row: dict[str, Any], findings: list[Finding], items: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(f"{'通过 accepted' if row['accepted'] else '不通过 not accepted'}  {row['path']}\n")
    notes = 0
    for finding, shown in zip(findings, row["findings"], strict=True):
        if shown["severity"] == "info":
            notes += 1
            continue
        place = " ".join(part for part in (finding.path, finding.field) if part)
        sys.stdout.write(f"  {shown['severity']:<7} {shown['code']}  {place}\n          {finding.text('zh')}\n")
    if notes:
        sys.stdout.write(f"  另有 {notes} 条说明，见 --json / {notes} notes: see --json\n")
    if items:
        counts: dict[str, int] = {}
        for item in items:
            counts[item["result"]] = counts.get(item["result"], 0) + 1
        sys.stdout.write("  DA/T 70: " + "  ".join(f"{result} {n}" for result, n in sorted(counts.items())) + "\n")
