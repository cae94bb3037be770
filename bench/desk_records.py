"""A ledger of very many made-up records, written in bulk: what `bench/desk.py` asks its questions of.

The rows are what the stages would have left; the lines of the search are made by the same code as theirs
(`ingest.ledger.search.line`). Only the event chain is thin (two unlinked events a record): nothing here verifies it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ingest.ledger import Ledger, natures, search
from ingest.ledger.tables import batch, copy, event, number, record, record_finding
from ingest.metadata import applicant
from ingest.model import State

AGENCIES = [f"agency-{n:02d}" for n in range(20)]
_MATTERS = ("食品经营许可", "建筑工程施工许可", "居住证办理", "不动产登记", "社会保险登记", "道路运输经营许可", "医疗机构执业登记",
            "户外广告设置审批", "取水许可", "公共场所卫生许可")  # fmt: skip
_FAMILY, _GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
_TRADES = ("餐饮", "食品", "建筑工程", "装饰设计", "商贸", "物流", "能源科技", "生物技术")
_STATES = [State.ACKNOWLEDGED] * 94 + [State.REJECTED] * 4 + [State.HELD] + [State.DUPLICATE]
_FOUND = {
    State.ACKNOWLEDGED: (("SIG-TIME-CLAIMED-ONLY", "info", "authenticity"),),
    State.REJECTED: (("RCV-DIGEST-MISMATCH", "reject", "authenticity"),),
    State.HELD: (("FIL-UNSCHEDULED", "hold", "integrity"),),
    State.DUPLICATE: (("RCV-ALREADY-ARCHIVED", "info", "integrity"),),
}
_GROUP = 20_000
_NIGHT = 5_000  # records


def first_night(count: int) -> dt.date:
    """The night of the first of ``count`` records: the last ones came yesterday."""
    return dt.date.today() - dt.timedelta(days=-(-count // _NIGHT))


def fill(ledger: Ledger, count: int, secret: bytes) -> None:
    """Fill an empty ledger on PostgreSQL; indexes are made again at the end, as after any bulk load."""
    first_day = first_night(count)
    with ledger.begin() as tx:
        indexes = [
            i for t in (record, record_finding, event, number, copy) for i in t.indexes if i.name != "record_entered"
        ]
        for index in indexes:
            index.drop(tx.conn)
        tx.conn.execute(sa.text("DROP INDEX record_search_grams"))
        raw: Any = tx.conn.connection.dbapi_connection
        with raw.cursor() as cursor:
            for first in range(1, count + 1, _GROUP):
                made = [_one(n, secret, first_day) for n in range(first, min(first + _GROUP, count + 1))]
                _copy_in(cursor, batch.name, _batches(made))
                for table in (record, record_finding, event, number, copy):
                    _copy_in(cursor, table.name, (row for one in made for row in one[table.name]))
                _copy_in(cursor, "record_search", (row for one in made for row in one["record_search"]))
        for index in indexes:
            index.create(tx.conn)
        tx.conn.execute(sa.text("CREATE INDEX record_search_grams ON record_search USING gin (grams)"))
    with ledger.begin() as tx:
        tx.conn.execute(sa.text(
            "INSERT INTO run (id, lane, as_of, code, begun_at, ended_at, undone)"
            " SELECT DISTINCT run_id, lane, as_of, 'bench', as_of, as_of, 0 FROM batch"
        ))  # fmt: skip
    engine = sa.create_engine(ledger.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))  # as autovacuum leaves it
    engine.dispose()


def _copy_in(cursor: Any, table: str, rows: Iterator[Mapping[str, Any]]) -> None:
    """COPY of rows that all have the same columns; None is NULL, an empty text is an empty text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    names: tuple[str, ...] = ()
    for row in rows:
        names = names or tuple(row)
        writer.writerow(["\\N" if row[name] is None else row[name] for name in names])
    if names:
        out.seek(0)
        quoted = ", ".join(f'"{name}"' for name in names)
        cursor.copy_expert(f"COPY {table} ({quoted}) FROM STDIN (FORMAT csv, NULL '\\N')", out)


def _batches(made: list[dict[str, list[dict[str, Any]]]]) -> Iterator[dict[str, Any]]:
    for one in made:
        row = one["record"][0]
        if row["position"] == 0:
            yield {"id": row["batch_id"], "run_id": row["batch_id"].rpartition("-")[0], "as_of": row["as_of"],
                   "created_at": row["as_of"], "lane": "night"}  # fmt: skip


def _one(n: int, secret: bytes, first_day: dt.date) -> dict[str, list[dict[str, Any]]]:
    """The rows of record ``n``, by table."""
    rng = random.Random(n)
    night = first_day + dt.timedelta(days=(n - 1) // _NIGHT)
    at = f"{night}T01:00:00+08:00"
    record_id, agency, matter = f"{n:024x}", rng.choice(AGENCIES), rng.randrange(len(_MATTERS))
    state = rng.choice(_STATES)
    closed = night - dt.timedelta(days=rng.randrange(1, 9))
    code = f"11440100FAKE{AGENCIES.index(agency):05d}344011600{matter:02d}000"
    case_no = f"{code}{closed:%Y%m%d}{n:07d}"
    person = rng.random() < 0.6
    name = (rng.choice(_FAMILY) + "".join(rng.choices(_GIVEN, k=2)) if person
            else f"测试{rng.choice(_TRADES)}{''.join(rng.choices(_GIVEN, k=3))}有限公司")  # fmt: skip
    title = f"关于{name}{_MATTERS[matter]}的办件"
    about = applicant.columns(
        {"case": {"applicant": {"kind": {"code": "1" if person else "2"}, "name": name, "id_no": f"440103{n:011d}X"}},
         "record": {"title": title}}, secret)  # fmt: skip
    findings = [{"code": c, "severity": s, "nature": k, "zh": c, "en": c} for c, s, k in _FOUND[state]]
    archived = state is State.ACKNOWLEDGED
    fonds = f"T{AGENCIES.index(agency):03d}"
    archival = f"{fonds}-ZY·XK·{closed.year}·D30-{n:07d}" if archived else None
    electronic = f"440100-{fonds}-{code}-{closed.year}-D30-{n:07d}" if archived else None
    key = f"{fonds}/ZY-XK/{closed.year}/{electronic}/v1.zip" if archived else None
    filing = {
        "schedule_id": f"{fonds}-SHY", "schedule_version": "2024-V1", "entry_no": "2.2.1", "fonds_no": fonds, "fonds_name": fonds,
        "category": "ZY·XK", "year": closed.year, "retention_code": "D30", "matched_by": "implementation_code", "why": matter,
        "open_control": "restricted", "access_control": "", "electronic_record_code": electronic, "archival_code": archival,
    }  # fmt: skip
    files = [{"path": f"申报文件/{i:02d}.pdf", "source_path": f"申报文件/{i:02d}.pdf", "staged": f"files/{i:04d}", "size": 40_000,
              "sha256": f"{n:064x}", "sm3": f"{n:064x}", "crc32": 1} for i in range(3)]  # fmt: skip
    row = {
        "id": record_id, "batch_id": f"{night:%Y%m%d}-000", "position": (n - 1) % _NIGHT, "source": "s", "agency": agency,
        "delivery": f"d{n}", "location": "l", "state": state.value, "as_of": at, "case_no": case_no, "version": 1,
        "content_digest": f"{n:064x}", "identity": f"{agency}|{case_no}|1" if archived else None,
        "findings": json.dumps(findings), "natures": natures.of(findings), "files": json.dumps(files),
        "filing": json.dumps(filing, ensure_ascii=False) if archived else None, "title": title, "matter_code": code,
        "closed_on": closed.isoformat(), "fonds_no": fonds if archived else None, "category": "ZY·XK" if archived else None,
        "year": closed.year if archived else None, "retention_code": "D30" if archived else None,
        "retention_end": f"{closed.year + 30}-12-31" if archived else None,
        "open_due": f"{closed.year + 26}-01-01" if archived else None, "transfer_due": f"{closed.year + 11}-01-01" if archived else None,
        "electronic_record_code": electronic, "archival_code": archival, "package_sha256": f"{n:064x}" if archived else None,
        "package_size": 130_000 if archived else None, "payload_bytes": 120_000, "object_key": key,
        "receipt_code": 1 if state is not State.HELD else None, "receipt_at": at if state is not State.HELD else None,
        "received_as_of": at, "failures": 0, "updated_at": at, "entered": n, "entered_on": night.isoformat(),
        **about, "applicant_keys": json.dumps(about["applicant_keys"]),
    }  # fmt: skip
    line, grams = search.line(row | about)
    events = [{"seq": 2 * n + i, "at": at, "kind": kind, "record_id": record_id, "detail": json.dumps({"state": state.value}),
               "prev": "0" * 64, "digest": f"{2 * n + i:064x}"} for i, kind in enumerate(("received", "checked"))]  # fmt: skip
    place = {
        "agency": agency,
        "case_no": case_no,
        "electronic_record_code": electronic,
        "archival_code": archival,
        "filing": "{}",
    }
    proved = {"object_key": key, "replica": "main", "record_id": record_id, "sha256": f"{n:064x}", "size": 130_000,
              "state": "proved", "deposited_at": at, "verified_at": at, "legal_hold": "f"}  # fmt: skip
    return {
        "record": [row],
        "record_finding": [{"code": f["code"], "entered": n, "severity": f["severity"]} for f in findings],
        "record_search": [{"entered": n, "line": line, "grams": grams}],
        "event": events,
        "number": [place] if archived else [],
        "copy": [proved] if archived else [],
    }
