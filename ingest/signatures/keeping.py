"""Keeping a trust store: adding and removing certificates and CRLs with their provenance, and warning in time.

Provenance stands in ``provenance.jsonl`` beside the files: one line for each act, never rewritten. The caller that has a
ledger records the same act in its event chain.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.signatures import chain, der, revocation
from ingest.signatures.certs import Certificate, RevocationList, name_text, parse_certificate, parse_crl
from ingest.signatures.trust import TrustError, TrustStore, blocks

FOLDERS = {"anchor": "anchors", "intermediate": "intermediates", "crl": "crls"}
PROVENANCE = "provenance.jsonl"
NO_ANSWER = ("SIG-ISSUER-UNKNOWN", "SIG-ROOT-NOT-TRUSTED", "SIG-ISSUER-KEY-DIFFERS")


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


def read_any(data: bytes) -> list[Certificate | RevocationList]:
    """All certificates and CRLs in a PEM or DER file. TrustError when there is none."""
    found: list[Certificate | RevocationList] = []
    for raw in blocks(data, "CERTIFICATE"):
        with contextlib.suppress(der.DerError):
            found.append(parse_certificate(raw))
    for raw in blocks(data, "X509 CRL"):
        with contextlib.suppress(der.DerError):
            found.append(parse_crl(raw))
    if not found:
        raise TrustError("neither a certificate nor a CRL")
    return found


def add(
    folder: Path, data: bytes, *, kind: str | None, by: str, source: str, when: dt.datetime, purpose: str = ""
) -> list[Item]:
    """Put what ``data`` holds into the store at ``folder`` and write down who did so, when and from where.

    ``kind`` ("anchor" or "intermediate") must be chosen for a certificate that is not self-issued or that shall be
    believed; None means: self-issued certificates are refused, others become intermediates. A CRL must be signed by an
    issuer that the store knows. A newer CRL replaces an older one whose entries it still has. TrustError otherwise.
    """
    store = TrustStore.load(folder)
    added: list[Item] = []
    for entry in read_any(data):
        if isinstance(entry, RevocationList):
            if not any(revocation.crl_issued(entry, parent) for parent in store.named(entry.issuer)):
                raise TrustError(f"the CRL of {name_text(entry.issuer)} is signed by no certificate of the store")
            _replace_older(folder, entry)
            added.append(_write(folder, "crl", entry, by, source, when, purpose))
            continue
        chosen = kind or ("intermediate" if not entry.self_issued else None)
        if chosen is None:
            raise TrustError(f"{entry.subject_text} is self-issued: say that it shall be an anchor")
        if chosen == "crl":
            raise TrustError("a certificate is no CRL")
        if entry.self_issued and not _self_signed(entry):
            raise TrustError(f"{entry.subject_text} is not signed by its own key")
        added.append(_write(folder, chosen, entry, by, source, when, purpose))
        store = TrustStore.load(folder)
    return added


def _self_signed(certificate: Certificate) -> bool:
    check = chain.issued(certificate, certificate)
    return check is not None and check.good


def _replace_older(folder: Path, crl: RevocationList) -> None:
    for path, old in _stored(folder, "crl"):
        if (
            isinstance(old, RevocationList)
            and (old.issuer, old.points, old.partial) == (crl.issuer, crl.points, crl.partial)
            and old.this_update < crl.this_update
            and old.entries.keys() <= crl.entries.keys()
        ):
            path.unlink()


def _write(
    folder: Path, kind: str, entry: Certificate | RevocationList, by: str, source: str, when: dt.datetime, purpose: str
) -> Item:
    label = "X509 CRL" if kind == "crl" else "CERTIFICATE"
    body = base64.encodebytes(entry.raw).decode()
    suffix = "crl" if kind == "crl" else "pem"
    home = folder / FOLDERS[kind]
    home.mkdir(parents=True, exist_ok=True)
    target = home / f"{entry.sha256[:32]}.{suffix}"
    handle, temporary = tempfile.mkstemp(dir=home, prefix=".")
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(f"-----BEGIN {label}-----\n{body}-----END {label}-----\n")
        out.flush()
        os.fsync(out.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(target)
    record = {"act": "add", "kind": kind, "sha256": entry.sha256, "by": by, "source": source, "when": when.isoformat()}
    if purpose:
        record["purpose"] = purpose
    _note(folder, record)
    return _item(folder, kind, target, entry, record)


def remove(folder: Path, sha256: str, *, by: str, reason: str, when: dt.datetime) -> Item:
    """Take out the one entry whose SHA-256 begins with ``sha256`` (8 digits at least). TrustError when there is none."""
    wish = sha256.lower()
    if len(wish) < 8:
        raise TrustError("give at least 8 digits of the SHA-256")
    found = [(kind, path, e) for kind in FOLDERS for path, e in _stored(folder, kind) if e.sha256.startswith(wish)]
    if len(found) != 1:
        raise TrustError(f"{len(found)} entries begin with {wish}")
    kind, path, entry = found[0]
    item = _item(folder, kind, path, entry, {})
    path.unlink()
    act = {"act": "remove", "kind": kind, "sha256": entry.sha256, "by": by, "source": reason, "when": when.isoformat()}
    _note(folder, act)
    return item


def items(folder: Path) -> list[Item]:
    """Everything in the store, with the last act that brought it there."""
    history: dict[str, dict[str, str]] = {}
    for line in _lines(folder / PROVENANCE):
        if line.get("act") == "add":
            history[line["sha256"]] = line
    return [
        _item(folder, kind, path, entry, history.get(entry.sha256, {}))
        for kind in FOLDERS
        for path, entry in _stored(folder, kind)
    ]


def check(folder: Path, at: dt.datetime, days: int = 60) -> list[Notice]:
    """What a keeper should act on at ``at``: expired or expiring entries, CRLs that ran out, chains that do not close."""
    store = TrustStore.load(folder)
    soon = at + dt.timedelta(days=days)
    out: list[Notice] = []
    for item in items(folder):
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
        if not item.provenance:
            out.append(Notice("no-provenance", item.name, "没有来源记录", "nobody wrote down where it came from"))
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


def _stored(folder: Path, kind: str) -> Iterator[tuple[Path, Certificate | RevocationList]]:
    home = folder / FOLDERS[kind]
    if not home.is_dir():
        return
    for path in sorted(home.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            for entry in read_any(path.read_bytes()):
                yield path, entry


def _item(folder: Path, kind: str, path: Path, entry: Certificate | RevocationList, record: Mapping[str, str]) -> Item:
    if isinstance(entry, RevocationList):
        name, starts, ends = name_text(entry.issuer), entry.this_update, entry.next_update
    else:
        name, starts, ends = entry.subject_text, entry.not_before, entry.not_after
    told = {key: record[key] for key in ("by", "source", "when", "purpose") if key in record}
    return Item(kind, name, entry.sha256, starts, ends, path.relative_to(folder).as_posix(), told)


def _note(folder: Path, record: Mapping[str, str]) -> None:
    with (folder / PROVENANCE).open("a", encoding="utf-8") as out:
        out.write(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n")
        out.flush()
        os.fsync(out.fileno())


def _lines(path: Path) -> Iterator[dict[str, str]]:
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise TrustError(f"{path.name}: a line is no JSON") from error
