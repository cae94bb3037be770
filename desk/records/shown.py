"""What a record's papers say, made ready to be shown: labelled, in plain words, people hidden."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.pages import size, time
from desk.records import words
from desk.records.veil import Veil
from desk.records.words import Say
from ingest.findings import Finding, Severity, table

_MOST_MEMBERS = 400  # of the metadata; of files and signatures
_MOST_FILES = 500
_SECTIONS = ("case", "record")
_CODED = {"code", "text"}


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A line of the metadata: where it stands, what it is called, what it says."""

    pointer: str
    label: str
    value: str


def metadata(t: Say, record: Mapping[str, Any], veil: Veil) -> list[Member]:
    """The case's and the record's own members, those that have a name first; coded values with code and text in one line."""
    flat = [pair for section in _SECTIONS for pair in _flat(record.get(section), f"/{section}")]
    return [
        Member(pointer, words.label(t, pointer), veil.member(pointer, _plain(t, pointer, value)))
        for pointer, value in sorted(flat, key=lambda pair: words.order(pair[0]))[:_MOST_MEMBERS]
    ]


def _flat(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        if value not in (None, ""):
            yield pointer, value
        return
    if isinstance(value.get("code"), str) and words.known(pointer):
        yield pointer, " ".join(str(value[k]) for k in ("code", "text") if isinstance(value.get(k), str))
    for name, inner in value.items():
        if not (name in _CODED | {"scheme"} and words.known(pointer)):
            yield from _flat(inner, f"{pointer}/{name}")


def _plain(t: Say, pointer: str, value: Any) -> str:
    if isinstance(value, bool):
        return t("是", "yes") if value else t("否", "no")
    if isinstance(value, list):
        return f"[{len(value)}]"
    text = str(value)
    if pointer == "/record/total_bytes" and isinstance(value, int):
        return f"{size(value)}（{value:,}）"
    return text


@dataclasses.dataclass(frozen=True, slots=True)
class Deed:
    """What was done in the case, by the producer's own account."""

    at: str
    what: str
    who: str
    note: str


def deeds(record: Mapping[str, Any], veil: Veil) -> list[Deed]:
    agents = {a.get("agent_id"): a for a in _rows(record.get("agents"))}
    out = []
    for e in _rows(record.get("events"))[:_MOST_FILES]:
        who = agents.get(e.get("agent_id"), {})
        name = " ".join(str(v) for v in (who.get("name"), who.get("position")) if v)
        note = " ".join(str(v) for v in (e.get("mandate"), e.get("opinion")) if v)
        what = str(e.get("action_text") or e.get("action") or "")
        out.append(Deed(_time(e.get("at")), veil.text(what), veil.text(name), veil.text(note)))
    return out


# ------------------------------------------------------------------------------------------------ checks


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One item of the 四性检测 with its result in words."""

    code: str
    text: str
    result: str
    tone: str
    note: str
    findings: tuple[str, ...]


def items(t: Say, checks: Mapping[str, Any]) -> dict[str, list[Item]]:
    """The items by nature, in the standard's order."""
    out: dict[str, list[Item]] = {}
    for row in _rows(checks.get("items")):
        note = row.get("note") if isinstance(row.get("note"), Mapping) else {}
        result = str(row.get("result"))
        item = Item(
            str(row.get("code")), t(str(row.get("zh")), str(row.get("en"))), words.word(t, "results", result),
            words.tone("results", result), t(str(note.get("zh", "")), str(note.get("en", ""))) if note else "",
            tuple(map(str, row.get("findings", ()))),
        )  # fmt: skip
        out.setdefault(words.word(t, "natures", str(row.get("nature"))), []).append(item)
    return out


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """One finding in words: where, what, and for a rejected record what to mend."""

    code: str
    weight: str
    tone: str
    text: str
    places: tuple[str, ...]
    mend: str


_GRAVITY = (Severity.REJECT, Severity.HOLD, Severity.REMARK, Severity.INFO)


def told(t: Say, findings: Sequence[Mapping[str, Any]], veil: Veil) -> list[Told]:
    """Findings, the gravest first. Of those that are only for information, one line a code tells all its places."""
    out: dict[Any, tuple[int, Told]] = {}
    for n, data in enumerate(findings):
        if data.get("code") not in table():  # of a later or earlier release
            text = t(str(data.get("zh", "")), str(data.get("en", "")))
            out[n] = len(_GRAVITY), Told(str(data.get("code")), "", "", veil.text(text), (), "")
            continue
        found = Finding.from_json(data)
        place, weight = _place(t, found, veil), found.weight
        key = found.code if weight is Severity.INFO else n
        if key in out:
            rank, known = out[key]
            out[key] = rank, dataclasses.replace(known, places=(*known.places, place))
            continue
        text = veil.text(found.text("en" if t("zh", "en") == "en" else "zh"))
        mend = t(*words.mend(found.code)) if weight is Severity.REJECT else ""
        out[key] = _GRAVITY.index(weight), Told(
            found.code, words.word(t, "severities", weight.value), words.tone("severities", weight.value), text,
            (place,) if place else (), mend,
        )  # fmt: skip
    return [one for _, one in sorted(out.values(), key=lambda pair: pair[0])]


def _place(t: Say, found: Finding, veil: Veil) -> str:
    parts = [veil.path(found.path)] if found.path else []
    if found.field:
        name = words.label(t, found.field)
        parts.append(f"{veil.text(name)}（{veil.text(found.field)}）")
    return "　".join(parts)


# ------------------------------------------------------------------------------------------------ signatures and files


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """One signature or seal in plain words."""

    kind: str
    verdict: str
    tone: str
    seal: str  # 印章名称
    signer: str  # 签署人
    when: str  # 时间
    chain: str  # 证书链
    coverage: str  # 覆盖范围
    aspects: tuple[tuple[str, str, str], ...]  # what was judged, outcome, tone
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file with all that is known of it."""

    path: str
    name: str  # 材料名称
    format: str
    pronom: str
    size: int | None
    pages: str
    sha256: str
    sm3: str
    verdict: str
    tone: str
    reasons: tuple[str, ...]
    signatures: tuple[Signature, ...]


def files(
    t: Say, staged: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None, signatures: Mapping[str, Any] | None,
    veil: Veil,
) -> list[File]:  # fmt: skip
    """The files by the ledger (digests taken on receipt), beside what the metadata and the verdicts say of them."""
    described = {f.get("path"): f for f in _rows((record or {}).get("files"))}
    judged = {f.get("archived_path", f.get("path")): f for f in _rows((signatures or {}).get("files"))}
    return [
        _file(t, f, described.get(f["source_path"], described.get(f["path"], {})), judged.get(f["path"]), veil)
        for f in staged[:_MOST_FILES]
    ]


def _file(t: Say, f: Mapping[str, Any], about: Mapping[str, Any], judged: Mapping[str, Any] | None, veil: Veil) -> File:
    archived = about.get("archived")
    format_ = archived.get("format", {}) if isinstance(archived, Mapping) else {}
    verdict = str(judged["verdict"]) if judged else ""
    return File(
        path=veil.path(f["path"]),
        name=veil.text(str(about.get("material_name") or "")),
        format=str(format_.get("zh") or about.get("format") or ""),
        pronom=str(format_.get("pronom") or ""),
        size=f["size"],
        pages=str(format_.get("pages") or about.get("pages") or ""),
        sha256=f["sha256"],
        sm3=f["sm3"],
        verdict=words.word(t, "verdicts", verdict) if verdict else "",
        tone=words.tone("verdicts", verdict),
        reasons=tuple(_reasons(t, judged.get("file") if judged else (), veil)),
        signatures=tuple(_signature(t, s, veil) for s in _rows(judged.get("signatures") if judged else ())),
    )


def _signature(t: Say, s: Mapping[str, Any], veil: Veil) -> Signature:
    evidence, results = _part(s, "evidence"), _part(s, "results")
    signer = _part(_part(evidence, "certificates"), "signer")
    chain = _rows(_part(evidence, "chains").get("signer"))
    verdict = str(s.get("verdict"))
    causes = [
        cause for result in results.values() if isinstance(result, Mapping) for cause in _rows(result.get("causes"))
    ]
    return Signature(
        kind=words.kind_of_signature(t, str(s.get("kind"))),
        verdict=words.word(t, "verdicts", verdict),
        tone=words.tone("verdicts", verdict),
        seal=veil.text(str(_part(evidence, "seal").get("name") or "")),
        signer=veil.text(_common_name(str(signer.get("subject") or ""))),
        when=_when(t, _part(evidence, "signing_time")),
        chain=" → ".join(
            veil.text(_common_name(str(c.get("subject") or ""))) + (t("（受信任的根）", " (trusted root)") if c.get("anchor") else "")
            for c in chain
        ),
        coverage=_coverage(t, evidence),
        aspects=tuple(
            (words.word(t, "aspects", name), words.word(t, "outcomes", str(result.get("outcome"))),
             words.tone("outcomes", str(result.get("outcome"))))
            for name, result in results.items() if isinstance(result, Mapping)
        ),
        reasons=tuple(_reasons(t, causes, veil)),
    )  # fmt: skip


def _reasons(t: Say, causes: Any, veil: Veil) -> Iterator[str]:
    for cause in _rows(causes):
        yield f"{veil.text(t(str(cause.get('zh', '')), str(cause.get('en', ''))))}（{cause.get('code')}）"


def _common_name(subject: str) -> str:
    """``C=CN, O=某局, CN=某某`` → 某某; a subject of another form as it is."""
    names = [part.strip()[3:] for part in subject.split(",") if part.strip().upper().startswith("CN=")]
    return names[-1] if names else subject


def _when(t: Say, signing: Mapping[str, Any]) -> str:
    for name, zh, en in (
        ("proven", "时间戳证明", "proved by a timestamp"),
        ("claimed", "签署人自称", "as the signer says"),
    ):  # fmt: skip
        if isinstance(value := signing.get(name), str) and value:
            return f"{_time(value)}（{t(zh, en)}）"
    return t("没有时间", "no time")


def _coverage(t: Say, evidence: Mapping[str, Any]) -> str:
    uncovered = evidence.get("uncovered")
    if not isinstance(uncovered, list):
        return t("未作判定", "not judged")
    if not uncovered:
        return t("覆盖整个文件", "the whole file")
    return t("未覆盖：", "leaves out: ") + "、".join(map(str, uncovered[:8]))


def _time(value: Any) -> str:
    try:
        return time(value) if isinstance(value, str) else ""
    except ValueError:
        return str(value)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []


def _part(data: Any, name: str) -> Mapping[str, Any]:
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}
