"""Keeping a trust store's files: what may enter, writing and removing it, and warning in time.

Who did so, when and from where is no business of the files: `ingest.trust` records it in the ledger's event chain and gives it
here as ``history``.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.signatures import chain, der, revocation
from ingest.signatures.certs import Certificate, RevocationList, name_text, parse_certificate, parse_crl
from ingest.signatures.trust import TrustError, TrustStore, blocks

FOLDERS = {"anchor": "anchors", "intermediate": "intermediates", "crl": "crls"}
NO_ANSWER = ("SIG-ISSUER-UNKNOWN", "SIG-ROOT-NOT-TRUSTED", "SIG-ISSUER-KEY-DIFFERS")

Entry = Certificate | RevocationList


@dataclasses.dataclass(frozen=True)
class Act:
    """The last recorded act on an entry: whether it is ``present`` since, and who, from where, when, what for."""

    present: bool
    kind: str
    name: str
    by: str
    source: str
    when: str
    purpose: str = ""


History = Mapping[str, Act]
"""The last act on each entry, by SHA-256."""


@dataclasses.dataclass(frozen=True)
class Planned:
    """One entry that may enter the store, and the files (older CRLs that it contains) that then go."""

    kind: str
    entry: Entry
    replaces: tuple[Entry, ...] = ()

    @property
    def name(self) -> str:
        return name_text(self.entry.issuer) if isinstance(self.entry, RevocationList) else self.entry.subject_text


class AlreadyThere(TrustError):
    """The store has this CRL, or a newer one."""


@dataclasses.dataclass(frozen=True)
class Item:
    """One certificate or CRL of a store, as ``trust list`` shows it."""

    kind: str
    name: str
    sha256: str
    starts: dt.datetime
    ends: dt.datetime | None
    file: str
    provenance: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "sha256": self.sha256, "from": self.starts.isoformat(),
            "to": self.ends.isoformat() if self.ends else None, "file": self.file, "provenance": dict(self.provenance),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Notice:
    """Something a keeper should act on: ``code``, what it is about, and words in both languages."""

    code: str
    about: str
    zh: str
    en: str


def read_any(data: bytes) -> list[Entry]:
    """All certificates and CRLs in a PEM or DER file. TrustError when there is none."""
    found: list[Entry] = []
    for raw in blocks(data, "CERTIFICATE"):
        with contextlib.suppress(der.DerError):
            found.append(parse_certificate(raw))
    for raw in blocks(data, "X509 CRL"):
        with contextlib.suppress(der.DerError):
            found.append(parse_crl(raw))
    if not found:
        raise TrustError("既非证书也非 CRL / neither a certificate nor a CRL")
    return found


def plan(
    folder: Path, data: bytes, *, kind: str | None, at: dt.datetime, history: History | None = None
) -> list[Planned]:
    """What of ``data`` may enter the store at ``folder``; nothing is changed yet.

    ``kind`` ("anchor" or "intermediate") must be chosen for a certificate that is not self-issued or that shall be
    believed; None means: self-issued certificates are refused, others become intermediates. "crl" takes CRLs only. A CRL must
    be signed by an issuer that the store knows, not be of the future (more than a day after ``at``), and be newer than what the
    store has (AlreadyThere), or the very one that stands there without an act in ``history``. TrustError otherwise.
    """
    store = TrustStore.load(folder)
    certificates: list[Certificate] = []
    planned: list[Planned] = []
    for entry in read_any(data):
        if isinstance(entry, RevocationList):
            parents = (*store.named(entry.issuer), *(c for c in certificates if c.subject == entry.issuer))
            unrecorded = history is not None and not (entry.sha256 in history and history[entry.sha256].present)
            planned.append(_planned_crl(store, entry, parents, at, unrecorded))
            continue
        chosen = kind or ("intermediate" if not entry.self_issued else None)
        if chosen is None:
            raise TrustError(
                f"{entry.subject_text} 是自签证书：若确要信任，请加 --anchor / is self-issued: say that it shall be an anchor"
            )
        if chosen == "crl":
            raise TrustError("应为 CRL，得到的是证书 / a certificate is no CRL")
        if entry.self_issued and not _self_signed(entry):
            raise TrustError(f"{entry.subject_text} 不是用自己的密钥签名的 / is not signed by its own key")
        certificates.append(entry)
        planned.append(Planned(chosen, entry))
    return planned


def _planned_crl(
    store: TrustStore, crl: RevocationList, parents: Iterable[Certificate], at: dt.datetime, unrecorded: bool
) -> Planned:
    about = name_text(crl.issuer)
    if not any(revocation.crl_issued(crl, parent) for parent in parents):
        raise TrustError(
            f"{about} 的 CRL 不是库中任何证书签发的，请先加入其 CA / "
            f"the CRL of {about} is signed by no certificate of the store: add its CA first"
        )
    if crl.this_update > at + revocation.CLOCK_SKEW:
        raise TrustError(f"{about} 的 CRL 出自将来 {crl.this_update.date()} / the CRL of {about} is of the future")
    scope = (crl.issuer, crl.points, crl.partial)
    others = [other for other in store.crls if (other.issuer, other.points, other.partial) == scope]
    if unrecorded and any(other.sha256 == crl.sha256 for other in others):
        return Planned("crl", crl)
    if any(other.this_update >= crl.this_update for other in others):
        raise AlreadyThere(f"{about} 的 CRL 库中已有同样新或更新的 / the store has this CRL of {about}, or a newer one")
    return Planned("crl", crl, tuple(o for o in others if o.entries.keys() <= crl.entries.keys()))


def _self_signed(certificate: Certificate) -> bool:
    check = chain.issued(certificate, certificate)
    return check is not None and check.good


def place(folder: Path, planned: Planned) -> None:
    """Write the entry, whole or not at all, where no file has it yet; only then the files that it replaces go."""
    if not any(there.sha256 == planned.entry.sha256 for _, there in _stored(folder, planned.kind)):
        _write(folder, planned)
    for old in planned.replaces:
        with contextlib.suppress(TrustError):  # in one file with others: an older CRL beside a newer one does no harm
            discard(folder, planned.kind, old)


def _write(folder: Path, planned: Planned) -> None:
    label = "X509 CRL" if planned.kind == "crl" else "CERTIFICATE"
    body = base64.encodebytes(planned.entry.raw).decode()
    home = folder / FOLDERS[planned.kind]
    home.mkdir(parents=True, exist_ok=True)
    target = home / f"{planned.entry.sha256[:32]}.{'crl' if planned.kind == 'crl' else 'pem'}"
    handle, temporary = tempfile.mkstemp(dir=home, prefix=".")
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(f"-----BEGIN {label}-----\n{body}-----END {label}-----\n")
        out.flush()
        os.fsync(out.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(target)
    _settle(home)


def discard(folder: Path, kind: str, entry: Entry) -> None:
    """Take the entry's file out. TrustError when the file holds others too: they would go with it."""
    for path, found in _stored(folder, kind):
        if found.raw == entry.raw:
            if sum(1 for other, _ in _stored(folder, kind) if other == path) > 1:
                raise TrustError(f"{path.name} 里还有别的条目，请先拆开 / holds other entries too: split it first")
            path.unlink()
            _settle(path.parent)
            return


def _settle(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find(folder: Path, sha256: str) -> list[tuple[str, Entry]]:
    """The entries whose SHA-256 begins with ``sha256`` (8 digits at least), with their kinds."""
    wish = sha256.lower()
    if len(wish) < 8:
        raise TrustError("请给出 SHA-256 的至少前 8 位 / give at least 8 digits of the SHA-256")
    return [(kind, e) for kind in FOLDERS for _, e in _stored(folder, kind) if e.sha256.startswith(wish)]


def items(folder: Path, history: History | None = None) -> list[Item]:
    """Everything in the store, each with the act that brought it there where ``history`` tells it."""
    told = history or {}
    return [
        _item(folder, k, path, entry, told.get(entry.sha256)) for k in FOLDERS for path, entry in _stored(folder, k)
    ]


def check(folder: Path, at: dt.datetime, days: int = 60, history: History | None = None) -> list[Notice]:
    """What a keeper should act on at ``at``: expired or expiring entries, CRLs that ran out, chains that do not close, and,
    where ``history`` is given, files that do not fit what was recorded."""
    store = TrustStore.load(folder)
    soon = at + dt.timedelta(days=days)
    found = items(folder, history)
    out: list[Notice] = _unrecorded(found, history) if history is not None else []
    for item in found:
        if item.kind == "crl":
            continue
        if item.ends is not None and item.ends < soon:
            gone = item.ends < at
            out.append(
                Notice(
                    "expired" if gone else "expires", item.name,
                    f"{'已于' if gone else '将于'} {item.ends.date()} 到期；期内的签名不受影响",
                    f"{'expired' if gone else 'expires'} on {item.ends.date()}; signatures made before stay good",
                )
            )  # fmt: skip
    for crl in store.crls:
        about = name_text(crl.issuer)
        if not any(revocation.crl_issued(crl, parent) for parent in store.named(crl.issuer)):
            out.append(
                Notice(
                    "crl-unsigned", about, "CRL 的签名不属于库中任何证书", "no certificate of the store signed the CRL"
                )
            )
        elif crl.next_update is None or crl.next_update < soon:
            day = crl.next_update.date() if crl.next_update else "?"
            gone = crl.next_update is None or crl.next_update < at
            out.append(
                Notice(
                    "crl-stale" if gone else "crl-expires", about,
                    f"CRL {'已过' if gone else '将到'}更新日 {day}，请取新的", f"the CRL's next update is {day}: fetch a new one",
                )
            )  # fmt: skip
    for certificate in store.intermediates:
        if not chain.build(certificate, store.intermediates, store).complete:
            out.append(
                Notice("no-anchor", certificate.subject_text, "不能链到任何信任锚", "leads to no anchor of the store")
            )
    if not store.anchors:
        out.append(
            Notice(
                "empty",
                str(folder.name),
                "没有任何信任锚，所有签名至多为不确定",
                "there is no anchor: nothing can be VALID",
            )
        )
    return out


def _unrecorded(found: Iterable[Item], history: History) -> list[Notice]:
    """Where files and recorded acts part: an act was cut off, or somebody went by the back door."""
    out: list[Notice] = []
    present = {item.sha256 for item in found}
    for item in found:
        if not item.provenance:
            out.append(
                Notice(
                    "no-provenance", item.name, f"{item.file} 没有来源记录：重新 trust add 补记，或删除该文件",
                    f"no act brought {item.file} here: add it again to record it, or delete the file",
                )
            )  # fmt: skip
    for sha256, act in history.items():
        if act.present and sha256 not in present:
            out.append(
                Notice(
                    "missing", act.name, f"记录说 {act.when[:10]} 由 {act.by} 加入，文件却不在：重新 trust add，或 "
                    f"trust remove {sha256[:16]}",
                    f"recorded as added on {act.when[:10]}, but not there: add it again, or trust remove {sha256[:16]}",
                )
            )  # fmt: skip
    return out


def would_help(verdict: Mapping[str, Any], added: Certificate) -> bool:
    """Whether a stored verdict (``FileVerdict.as_json()``) is INDETERMINATE for want of the certificate ``added``."""
    if verdict.get("verdict") != "INDETERMINATE":
        return False
    for signature in verdict.get("signatures", ()):
        for result in signature.get("results", {}).values():
            for cause in result.get("causes", ()):
                if cause["code"] in NO_ANSWER and cause["params"].get("issuer") == added.subject_text:
                    return True
    return False


def _stored(folder: Path, kind: str) -> Iterator[tuple[Path, Entry]]:
    home = folder / FOLDERS[kind]
    if not home.is_dir():
        return
    for path in sorted(home.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            for entry in read_any(path.read_bytes()):
                yield path, entry


def _item(folder: Path, kind: str, path: Path, entry: Entry, act: Act | None) -> Item:
    if isinstance(entry, RevocationList):
        name, starts, ends = name_text(entry.issuer), entry.this_update, entry.next_update
    else:
        name, starts, ends = entry.subject_text, entry.not_before, entry.not_after
    told = {}
    if act is not None and act.present:
        told = {"by": act.by, "source": act.source, "when": act.when, "purpose": act.purpose}
    return Item(kind, name, entry.sha256, starts, ends, path.relative_to(folder).as_posix(), told)
