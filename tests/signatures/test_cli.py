"""``guidang verify-signature`` and ``guidang trust`` on real files in a real folder, and hostile ones in a real worker."""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
from pathlib import Path

import pytest

from ingest.signatures import TrustError, TrustStore, Verdict, cli, keeping, verify
from ingest.signatures.certs import parse_certificate

from .pki import ofd_cases
from .pki.ca import AT, CERT_SIGN, DAY, SIGNED, certificate, crl, world
from .pki.cms import Style, signed_data
from .pki.keys import sm2_key


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parsers(parser.add_subparsers())
    args = parser.parse_args([str(a) for a in arguments])
    return int(args.func(args))


def pem(raw: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(raw).decode()}-----END {label}-----\n".encode()


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    w = world("sm2")
    folder = tmp_path / "trust"
    keeping.add(folder, pem(w.root.raw), kind="anchor", by="档案员", source="国家根", when=AT)
    keeping.add(folder, w.authority.raw, kind=None, by="档案员", source="运营CA官网", when=AT)
    keeping.add(folder, pem(w.crl, "X509 CRL"), kind=None, by="档案员", source="http://ca.example/1.crl", when=AT)
    return folder


def test_every_file_is_judged_and_printed(tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, plain = tmp_path / "好.ofd", tmp_path / "坏.ofd", tmp_path / "无.txt"
    parts = ofd_cases.recipe("v4").parts()
    good.write_bytes(ofd_cases.pack(parts))
    bad.write_bytes(ofd_cases.pack({**parts, ofd_cases.PAGE: b"<x/>"}))
    plain.write_bytes(b"text")
    assert run("verify-signature", good, bad, plain, "--trust", trust, "--at", AT.isoformat(), "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["verdict"] for line in lines] == ["VALID", "INVALID", "UNSIGNED"]
    assert lines[1]["signatures"][0]["reasons"] == ["SIG-OFD-PART-CHANGED"]
    assert set(lines[0]) >= {"path", "verdict", "signatures"} and set(lines[0]["signatures"][0]) >= {
        "kind",
        "verdict",
        "reasons",
    }
    assert run("verify-signature", good, "--trust", trust, "--at", AT.isoformat()) == 0
    text = capsys.readouterr().out
    assert "有效 / VALID" in text and "测试专用章" in text and "CN=签名人" in text


def test_unreadable_file_or_store_is_exit_2(tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify-signature", tmp_path / "absent.pdf", "--trust", trust) == 2
    (trust / "anchors" / "broken.pem").write_bytes(b"broken")
    assert run("verify-signature", __file__, "--trust", trust) == 2
    assert "broken.pem" in capsys.readouterr().err


def test_detached_signature_over_another_file(tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = world("sm2")
    data, signature = tmp_path / "a.xml", tmp_path / "a.xml.p7s"
    data.write_bytes(b"<record/>")
    signature.write_bytes(signed_data(w.signer, b"<record/>", Style(gm=True)))
    assert run("verify-signature", signature, "--data", data, "--trust", trust, "--at", AT.isoformat(), "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "VALID"
    data.write_bytes(b"<record />")
    run("verify-signature", signature, "--data", data, "--trust", trust, "--at", AT.isoformat(), "--json")
    assert json.loads(capsys.readouterr().out)["reasons"] == ["SIG-DIGEST-MISMATCH"]


def _sleep(*_: object) -> None:
    import time

    time.sleep(60)


def _die(*_: object) -> None:
    import os

    os._exit(9)


@pytest.mark.parametrize("work", [_sleep, _die], ids=["hangs", "dies"])
def test_a_file_that_hangs_or_kills_its_worker_does_not_end_the_run(
    work: object, tmp_path: Path, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "good.ofd"
    good.write_bytes(ofd_cases.pack(ofd_cases.recipe("v4").parts()))
    monkeypatch.setattr(cli, "judge_file", work)
    (lost,) = cli.judge_files([good], trust, AT, 1.5)
    assert (lost["verdict"], lost["reasons"]) == ("INDETERMINATE", ["SIG-RESOURCES"])
    monkeypatch.undo()
    (next_one,) = cli.judge_files([good], trust, AT, 60.0)
    assert next_one["verdict"] == "VALID"


def test_provenance_of_each_entry_is_kept(trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = keeping.items(trust)
    assert [(i.kind, i.provenance["by"], i.provenance["source"]) for i in found] == [
        ("anchor", "档案员", "国家根"), ("intermediate", "档案员", "运营CA官网"), ("crl", "档案员", "http://ca.example/1.crl"),
    ]  # fmt: skip
    assert run("trust", "list", "--trust", trust, "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run("trust", "list", "--trust", trust) == 0
    assert "档案员：国家根" in capsys.readouterr().out


def test_add_remove_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = world("rsa")
    folder, file = tmp_path / "t", tmp_path / "root.pem"
    file.write_bytes(pem(w.root.raw))
    assert run("trust", "add", file, "--trust", folder, "--source", "test") == 2  # self-issued: must be chosen
    assert run("trust", "add", file, "--anchor", "--trust", folder, "--source", "test", "--by", "keeper") == 0
    digest = parse_certificate(w.root.raw).sha256
    assert run("trust", "remove", digest[:6], "--trust", folder, "--reason", "x") == 2
    assert (
        run("trust", "remove", digest[:12], "--trust", folder, "--reason", "no longer believed", "--by", "keeper") == 0
    )
    assert TrustStore.load(folder).anchors == ()
    acts = [json.loads(line) for line in (folder / keeping.PROVENANCE).read_text("utf-8").splitlines()]
    assert [(a["act"], a["by"], a["sha256"]) for a in acts] == [("add", "keeper", digest), ("remove", "keeper", digest)]


def test_what_is_refused(tmp_path: Path, trust: Path) -> None:
    w = world("sm2")
    by = {"by": "x", "source": "y", "when": AT}
    with pytest.raises(TrustError, match="neither"):
        keeping.add(trust, b"nothing", kind=None, **by)
    stranger = crl(w.stranger_authority, {})
    with pytest.raises(TrustError, match="signed by no certificate"):
        keeping.add(trust, stranger, kind=None, **by)
    fake = certificate("冒名根", sm2_key("sm2 root"), None, ca=True)
    forged = fake.raw[:-1] + bytes((fake.raw[-1] ^ 1,))
    with pytest.raises(TrustError, match="not signed by its own key"):
        keeping.add(trust, forged, kind="anchor", **by)


def test_newer_crl_replaces_the_one_it_contains(trust: Path) -> None:
    w = world("sm2")
    newer = crl(w.authority, {0x1005: SIGNED - 10 * DAY, 0x1006: SIGNED + 10 * DAY, 0x2000: SIGNED}, this=AT)
    keeping.add(trust, newer, kind=None, by="x", source="y", when=AT)
    assert [len(c.entries) for c in TrustStore.load(trust).crls] == [3]
    dropped = crl(w.authority, {0x2000: SIGNED}, this=AT + DAY)
    keeping.add(trust, dropped, kind=None, by="x", source="y", when=AT)
    assert sorted(len(c.entries) for c in TrustStore.load(trust).crls) == [1, 3]


def test_check_warns_in_time(tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [n.code for n in keeping.check(trust, AT, days=10)] == []
    assert [n.code for n in keeping.check(trust, AT, days=40)] == ["crl-expires"]
    later = AT + dt.timedelta(days=365 * 9)
    assert {n.code for n in keeping.check(trust, later)} == {"expired", "crl-stale"}
    assert run("trust", "check", "--trust", trust, "--at", AT.isoformat(), "--days", "10") == 0
    assert run("trust", "check", "--trust", trust, "--at", later.isoformat(), "--json") == 1
    assert run("trust", "check", "--trust", tmp_path / "empty") == 1
    orphan = certificate("无根CA", sm2_key("orphan"), world("sm2").stranger_authority, ca=True, usage=CERT_SIGN)
    (trust / "intermediates" / "orphan.cer").write_bytes(orphan.raw)
    assert {n.code for n in keeping.check(trust, AT, days=1)} == {"no-anchor", "no-provenance"}
    capsys.readouterr()


def test_verdicts_that_an_imported_ca_would_settle_are_found() -> None:
    w = world("sm2")
    held = verify(ofd_cases.pack(ofd_cases.recipe("v4", w.stranger).parts()), "x", w.store(), AT)
    assert held.verdict is Verdict.INDETERMINATE
    stored = json.loads(json.dumps(held.as_json()))
    assert keeping.would_help(stored, parse_certificate(w.stranger_authority.raw))
    assert not keeping.would_help(stored, parse_certificate(w.authority.raw))
