"""``guidang verify-signature`` on real files in a real folder, and hostile ones in a real worker."""

from __future__ import annotations

import argparse
import base64
import json
import os
from pathlib import Path

import pytest

from ingest.signatures import Verdict, cli, keeping, verify
from ingest.signatures.certs import parse_certificate

from .pki import ofd_cases
from .pki.ca import AT, world
from .pki.cms import Style, signed_data


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    args = parser.parse_args([str(a) for a in arguments])
    return int(args.func(args))


def pem(raw: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(raw).decode()}-----END {label}-----\n".encode()


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    w = world("sm2")
    folder = tmp_path / "trust"
    for part, name, data in (
        ("anchors", "root.pem", pem(w.root.raw)), ("intermediates", "ca.cer", w.authority.raw), ("crls", "1.crl", w.crl),
    ):  # fmt: skip
        (folder / part).mkdir(parents=True)
        (folder / part / name).write_bytes(data)
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


def test_verdicts_that_an_imported_ca_would_settle_are_found() -> None:
    w = world("sm2")
    held = verify(ofd_cases.pack(ofd_cases.recipe("v4", w.stranger).parts()), "x", w.store(), AT)
    assert held.verdict is Verdict.INDETERMINATE
    stored = json.loads(json.dumps(held.as_json()))
    assert keeping.would_help(stored, parse_certificate(w.stranger_authority.raw))
    assert not keeping.would_help(stored, parse_certificate(w.authority.raw))


def test_odd_files_are_told_at_once_and_the_others_are_judged(
    tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty file, a huge sparse one, a folder, a pipe, a device, a link in a circle, and none at all."""
    (tmp_path / "empty").touch()
    with (tmp_path / "sparse.pdf").open("wb") as sparse:
        sparse.truncate(1 << 30)
    (tmp_path / "folder.ofd").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    names = ["empty", "sparse.pdf", "folder.ofd", "pipe", "circle", "absent"]
    assert run("verify-signature", *(tmp_path / n for n in names), "/dev/zero", "--trust", trust, "--json") == 2
    told = capsys.readouterr()
    judged = [json.loads(line) for line in told.out.splitlines()]
    assert [(Path(v["path"]).name, v["verdict"]) for v in judged] == [("empty", "UNSIGNED"), ("sparse.pdf", "UNSIGNED")]
    for name in (*names[2:], "/dev/zero"):
        assert name in told.err
