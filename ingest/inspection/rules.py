"""What is looked for each night. A rule asks the ledger, the trust store or the object store one question and tells hazards.

Hazards are told by place (a replica, a fonds, an agency, a certificate), never by record: what breaks ten thousand copies is one
thing to mend. A rule that cannot look raises; the scan then leaves its findings as they were.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ingest.audit import cycle, heads
from ingest.inspection.hazards import Hazard
from ingest.ledger import chain
from ingest.ledger.tables import copy, event, record, schedule_version, transfer_item, visit
from ingest.model import CopyState, State
from ingest.receipts import waiting
from ingest.receipts.waiting import Unanswered
from ingest.settings import Home
from ingest.signatures import TrustStore
from ingest.signatures.certs import name_text
from ingest.store import config
from ingest.store.replicas import open_store

_ARCHIVED = (State.DEPOSITED.value, State.ACKNOWLEDGED.value)
_SOON = dt.timedelta(days=90)  # a certificate's last days
_AWAY = 3  # visits in vain, one after the other
_HELD_DAYS = 30
_ANCHOR = dt.timedelta(days=2)  # a night may fail once
_DRILL = dt.timedelta(days=366)
_SHOWN = 3  # examples in a hazard's words


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """What rules look at, and the moment for which they look (aware)."""

    home: Home
    conn: Connection
    at: dt.datetime

    @property
    def day(self) -> str:
        return self.at.date().isoformat()


Rule = Callable[[Scene], Iterator[Hazard]]


def copies(scene: Scene) -> Iterator[Hazard]:
    """Copies that an audit found changed or gone, by replica."""
    for state, code in ((CopyState.DAMAGED, "HAZ-COPY-DAMAGED"), (CopyState.MISSING, "HAZ-COPY-MISSING")):
        bad = copy.c.state == state.value
        counted = sa.select(copy.c.replica, sa.func.count()).where(bad).group_by(copy.c.replica)
        for replica, count in scene.conn.execute(counted.order_by(copy.c.replica)).all():
            query = sa.select(copy.c.object_key).where(bad, copy.c.replica == replica)
            keys = scene.conn.execute(query.order_by(copy.c.object_key).limit(_SHOWN)).scalars()
            yield Hazard(code, replica, {"replica": replica, "count": str(count), "keys": "、".join(keys)})


def few_copies(scene: Scene) -> Iterator[Hazard]:
    """Packages with fewer proved copies than the plan asks for; and a plan that asks for one only."""
    plan = config.plan(scene.home)
    stored = record.c.state.in_(_ARCHIVED) & record.c.object_key.is_not(None)
    if len(plan.replicas) == 1:
        count = scene.conn.execute(sa.select(sa.func.count()).select_from(record).where(stored)).scalar_one()
        if count:
            name = plan.replicas[0].name
            yield Hazard("HAZ-SINGLE-COPY", name, {"replica": name, "count": str(count)})
    whole = sa.func.sum(sa.case((copy.c.state == CopyState.PROVED.value, 1), else_=0))
    few = sa.select(copy.c.object_key).group_by(copy.c.object_key).having(whole < plan.min_copies).subquery()
    short = scene.conn.execute(sa.select(sa.func.count()).select_from(few)).scalar_one()
    if short:
        keys = scene.conn.execute(sa.select(few.c.object_key).order_by(few.c.object_key).limit(_SHOWN)).scalars()
        told = {"count": str(short), "least": str(plan.min_copies), "keys": "、".join(keys)}
        yield Hazard("HAZ-FEW-COPIES", "store", told)


def audit_overdue(scene: Scene) -> Iterator[Hazard]:
    """Copies that were not read for longer than the audit's period."""
    stands = cycle.standing(scene.conn, scene.at)
    if stands.overdue:
        told = {"count": str(stands.overdue), "days": str(cycle.PERIOD_DAYS), "oldest": str(stands.oldest)[:10]}
        yield Hazard("HAZ-AUDIT-OVERDUE", "audit", told)


def trust(scene: Scene) -> Iterator[Hazard]:
    """Certificates of the trust store that end or have ended, and revocation lists that are stale."""
    store = TrustStore.load(scene.home.trust)
    for kind, certificates in (("根或直接信任 anchor", store.anchors), ("中间证书 intermediate", store.intermediates)):
        for certificate in certificates:
            if certificate.not_after - _SOON < scene.at:
                code = "HAZ-CERT-EXPIRED" if certificate.not_after < scene.at else "HAZ-CERT-EXPIRING"
                day = certificate.not_after.date().isoformat()
                told = {"name": certificate.subject_text[:200], "day": day, "kind": kind}
                yield Hazard(code, certificate.sha256, told)
    newest: dict[bytes, dt.datetime] = {}
    for crl in store.crls:
        if crl.next_update is not None:
            newest[crl.issuer] = max(newest.get(crl.issuer, crl.next_update), crl.next_update)
    for issuer, until in sorted(newest.items()):
        if until < scene.at:
            name = name_text(issuer)[:200]
            yield Hazard("HAZ-CRL-STALE", name, {"name": name, "day": until.date().isoformat()})


def overdue(scene: Scene) -> Iterator[Hazard]:
    """Records that should have been transferred, or opened, and are still here: by fonds."""
    gone = sa.exists().where(transfer_item.c.record_id == record.c.id, transfer_item.c.state == "transferred")
    for column, code in ((record.c.transfer_due, "HAZ-TRANSFER-OVERDUE"), (record.c.open_due, "HAZ-OPENING-DUE")):
        rows = scene.conn.execute(
            sa.select(record.c.fonds_no, sa.func.count(sa.distinct(record.c.archival_code)), sa.func.min(column))
            .where(column < scene.day, record.c.state.in_(_ARCHIVED), ~gone)
            .group_by(record.c.fonds_no)
            .order_by(record.c.fonds_no)
        ).all()
        for fonds, count, first in rows:
            yield Hazard(code, fonds, {"fonds": fonds, "count": str(count), "day": first})


def sources_away(scene: Scene) -> Iterator[Hazard]:
    """Sources of registered agencies that could not be listed, time after time."""
    for agency in scene.home.agencies().values():
        mine = visit.c.agency == agency.id
        good = sa.select(sa.func.max(visit.c.as_of)).where(mine, visit.c.error.is_(None)).scalar_subquery()
        count, first = scene.conn.execute(
            sa.select(sa.func.count(), sa.func.min(visit.c.as_of)).where(
                mine, visit.c.error.is_not(None), visit.c.as_of > sa.func.coalesce(good, "")
            )
        ).one()
        if count >= _AWAY:
            last = sa.select(visit.c.error).where(mine).order_by(visit.c.as_of.desc()).limit(1)
            error = str(scene.conn.execute(last).scalar_one())[:200]
            told = {"agency": agency.name, "day": first[:10], "count": str(count), "error": error}
            yield Hazard("HAZ-SOURCE-AWAY", agency.id, told, agency.id, agency.name)


def held_long(scene: Scene) -> Iterator[Hazard]:
    """Records that wait for a person longer than a month: by agency."""
    limit = cycle.moment(scene.at - dt.timedelta(days=_HELD_DAYS))
    rows = scene.conn.execute(
        sa.select(record.c.agency, sa.func.count(), sa.func.min(record.c.updated_at))
        .where(record.c.state == State.HELD.value, record.c.updated_at < limit)
        .group_by(record.c.agency)
        .order_by(record.c.agency)
    ).all()
    for agency, count, first in rows:
        told = {"agency": agency, "count": str(count), "days": str(_HELD_DAYS), "day": first[:10]}
        yield Hazard("HAZ-HELD-OLD", agency, told, agency, agency)


def unanswered(scene: Scene) -> Iterator[Hazard]:
    """Deliveries without their last word though no person is asked: by agency."""
    days = scene.home.limits.unanswered_days
    found: dict[str, list[Unanswered]] = {}
    for one in waiting.unanswered(scene.conn, scene.at.date(), days):
        if one.state != State.HELD:  # those have a rule of their own
            found.setdefault(one.agency, []).append(one)
    for agency, ones in sorted(found.items()):
        told = {
            "agency": agency,
            "count": str(len(ones)),
            "days": str(days),
            "day": ones[0].since,
            "why": ones[0].why[:200],
        }
        yield Hazard("HAZ-UNANSWERED", agency, told, agency, agency)


def no_schedule(scene: Scene) -> Iterator[Hazard]:
    """Agencies whose fonds has no 三合一 version in force."""
    query = sa.select(schedule_version.c.fonds_no).where(schedule_version.c.status == "in_force")
    held = set(scene.conn.execute(query).scalars())
    for agency in sorted(scene.home.agencies().values(), key=lambda a: a.fonds_no):
        if agency.fonds_no not in held:
            told = {"fonds": agency.fonds_no, "agency": agency.name}
            yield Hazard("HAZ-NO-SCHEDULE", agency.fonds_no, told, agency.id, agency.name)


def anchored(scene: Scene) -> Iterator[Hazard]:
    """Events that no signed head in the store covers since two days; a ledger that contradicts the last head."""
    store = open_store(scene.home, config.load(scene.home))
    known = heads.numbers(store)
    seq = 0
    if known:
        last = heads.Head.loads(heads.whole(store, heads.name(known[-1], "head.json")) or b"")
        seq = last.seq
        if chain.digest_of(scene.conn, last.seq) != last.digest:
            told = {"number": str(last.number), "seq": str(last.seq)}
            yield Hazard("HAZ-CHAIN-CONTRADICTED", "chain", told)
    count, first = scene.conn.execute(
        sa.select(sa.func.count(), sa.func.min(event.c.at)).where(event.c.seq > seq)
    ).one()
    if count and first < cycle.moment(scene.at - _ANCHOR):
        yield Hazard("HAZ-NOT-ANCHORED", "chain", {"count": str(count), "day": first[:10]})


def drilled(scene: Scene) -> Iterator[Hazard]:
    """That what is archived could be restored was not tried for a year; asked once something is a year old."""
    oldest = scene.conn.execute(sa.select(sa.func.min(copy.c.deposited_at))).scalar()
    limit = cycle.moment(scene.at - _DRILL)
    if oldest is None or oldest >= limit:
        return
    rows = scene.conn.execute(
        sa.select(event.c.at, event.c.detail).where(event.c.kind == "drill").order_by(event.c.seq.desc())
    )
    passed = next((row.at for row in rows if json.loads(row.detail)["passed"]), None)
    if passed is None or passed < limit:
        yield Hazard("HAZ-NO-DRILL", "drill", {"day": passed[:10] if passed else "—"})


# every code that a rule may tell, so that a rule that could not look leaves exactly its own findings alone
RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (copies, ("HAZ-COPY-DAMAGED", "HAZ-COPY-MISSING")),
    (few_copies, ("HAZ-FEW-COPIES", "HAZ-SINGLE-COPY")),
    (audit_overdue, ("HAZ-AUDIT-OVERDUE",)),
    (trust, ("HAZ-CERT-EXPIRED", "HAZ-CERT-EXPIRING", "HAZ-CRL-STALE")),
    (overdue, ("HAZ-TRANSFER-OVERDUE", "HAZ-OPENING-DUE")),
    (sources_away, ("HAZ-SOURCE-AWAY",)),
    (held_long, ("HAZ-HELD-OLD",)),
    (unanswered, ("HAZ-UNANSWERED",)),
    (no_schedule, ("HAZ-NO-SCHEDULE",)),
    (anchored, ("HAZ-NOT-ANCHORED", "HAZ-CHAIN-CONTRADICTED")),
    (drilled, ("HAZ-NO-DRILL",)),
)
