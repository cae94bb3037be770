"""``guidang trust``: each act is an event in the chain; whoever dies in between leaves what ``trust check`` names."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from signatures.pki import ofd_cases
from signatures.pki.ca import AT, CERT_SIGN, DAY, SIGNED, certificate, crl, world
from signatures.pki.keys import sm2_key
from trust_home import TrustHome, pem

from ingest.ledger import Ledger
from ingest.signatures import TrustError, Verdict, keeping, verify
from ingest.signatures.certs import parse_certificate
from ingest.trust import acts

W = world("sm2")
ROOT = parse_certificate(W.root.raw).sha256


def codes(home: TrustHome, days: int = 10) -> set[str]:
    with Ledger(home.home.database_url) as ledger:
        return {n.code for n in keeping.check(home.home.trust, AT, days, acts.history(ledger))}


def test_every_act_is_an_event_that_says_who_when_whence_and_what_for(
    kept: TrustHome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(kind, d["kind"], d["by"], d["source"]) for kind, d in kept.events()] == [
        ("trust_added", "anchor", "档案员", "国家根"),
        ("trust_added", "intermediate", "档案员", "CA 官网"),
        ("trust_added", "crl", "档案员", "http://ca.example/1.crl"),
    ]
    assert kept.events()[0][1] | {"sha256": ROOT, "purpose": "许可证印章"} == kept.events()[0][1]
    capsys.readouterr()
    assert kept.run("list", "--json") == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [i["kind"] for i in listed] == ["anchor", "intermediate", "crl"]
    assert listed[0]["provenance"]["purpose"] == "许可证印章" and listed[0]["provenance"]["when"]
    assert kept.run("list") == 0 and "档案员：国家根" in capsys.readouterr().out
    assert not list(kept.home.trust.glob("*.jsonl"))  # one source of truth


def test_removing_is_an_event_too(kept: TrustHome) -> None:
    assert kept.run("remove", ROOT[:6], "--reason", "x") == 2
    assert kept.run("remove", "0" * 12, "--reason", "x") == 2
    assert kept.run("remove", ROOT[:12], "--reason", "不再信任", "--by", "处长") == 0
    assert kept.store.anchors == ()
    kind, detail = kept.events()[-1]
    assert (kind, detail["sha256"], detail["by"], detail["source"]) == ("trust_removed", ROOT, "处长", "不再信任")


def test_dying_after_the_event_leaves_an_entry_recorded_but_missing(
    kept: TrustHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world("rsa").root.raw
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "place", _die)
        with pytest.raises(KeyboardInterrupt), Ledger(kept.home.database_url) as ledger:
            acts.add(kept.home.trust, ledger, other, kind="anchor", by="x", source="y", at=AT)
    assert codes(kept) == {"missing"} and len(kept.store.anchors) == 1  # never believed without its event
    assert kept.add("again.cer", other, "--anchor") == 0
    assert codes(kept) == set()


def test_dying_in_a_removal_leaves_it_no_longer_believed_and_named(
    kept: TrustHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    discard = keeping.discard

    def and_die(*arguments: object) -> None:
        discard(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "discard", and_die)
        with pytest.raises(KeyboardInterrupt), Ledger(kept.home.database_url) as ledger:
            acts.remove(kept.home.trust, ledger, ROOT, by="x", reason="y")
    assert kept.store.anchors == () and {"missing", "empty", "no-anchor"} == codes(kept)
    assert kept.run("remove", ROOT[:16], "--reason", "y") == 0
    assert codes(kept) == {"empty", "no-anchor"}


def test_a_file_that_nobody_added_is_named(kept: TrustHome) -> None:
    (kept.home.trust / "anchors" / "back-door.cer").write_bytes(world("rsa").root.raw)
    assert codes(kept) == {"no-provenance"}
    assert kept.run("check", "--days", "10") == 1


def test_what_stands_there_without_an_act_is_recorded_where_it_stands(kept: TrustHome) -> None:
    other = world("rsa")
    for folder, raw in (("anchors", other.root.raw), ("intermediates", other.authority.raw), ("crls", other.crl)):
        (kept.home.trust / folder / "copied.der").write_bytes(raw)
    before = sorted(p.name for p in kept.home.trust.rglob("*.*"))
    assert codes(kept) == {"no-provenance"}
    assert (
        kept.add("r", other.root.raw, "--anchor") == kept.add("a", other.authority.raw) == kept.add("c", other.crl) == 0
    )
    assert codes(kept) == set() and sorted(p.name for p in kept.home.trust.rglob("*.*")) == before
    assert kept.add("c", other.crl) == 2  # recorded now: nothing new


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_refused_changes_nothing(kept: TrustHome, capsys: pytest.CaptureFixture[str]) -> None:
    before = kept.events(), kept.store.digest
    fake = certificate("冒名根", sm2_key("sm2 root"), None, ca=True)
    for data, more, words in (
        (b"nothing", (), "neither"),
        (pem(world("rsa").root.raw), (), "say that it shall be an anchor"),
        (crl(W.stranger_authority, {}), (), "signed by no certificate"),
        (crl(W.authority, {}, this=AT + 3 * DAY), (), "of the future"),
        (W.crl, (), "or a newer one"),
        (crl(W.authority, {}, this=AT - 9 * DAY), (), "or a newer one"),
        (fake.raw[:-1] + bytes((fake.raw[-1] ^ 1,)), ("--anchor",), "not signed by its own key"),
    ):
        assert kept.add("refused", data, *more) == 2
        assert words in capsys.readouterr().err
    assert kept.run("add", kept.home.root / "absent", "--source", "x") == 2
    assert (kept.events(), kept.store.digest) == before


def test_a_newer_crl_replaces_the_one_it_contains_and_only_that(kept: TrustHome) -> None:
    newer = crl(W.authority, {0x1005: SIGNED - 10 * DAY, 0x1006: SIGNED + 10 * DAY, 0x2000: SIGNED}, this=AT)
    assert kept.add("2.crl", newer) == 0
    assert [len(c.entries) for c in kept.store.crls] == [3]
    assert [kind for kind, _ in kept.events()[-2:]] == ["trust_removed", "trust_added"]
    assert codes(kept) == set()
    dropped = crl(W.authority, {0x2000: SIGNED}, this=AT + DAY)
    assert kept.add("3.crl", dropped) == 0
    assert sorted(len(c.entries) for c in kept.store.crls) == [1, 3]  # what was once revoked is not forgotten


def test_check_warns_in_time(kept: TrustHome, capsys: pytest.CaptureFixture[str]) -> None:
    assert codes(kept, 10) == set() and codes(kept, 40) == {"crl-expires"}
    assert kept.run("check", "--days", "10") == 0
    capsys.readouterr()
    assert kept.run("check", "--json", at=(AT + dt.timedelta(days=365 * 9)).isoformat()) == 1
    assert {json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()} == {"expired", "crl-stale"}
    orphan = certificate("无根CA", sm2_key("orphan"), W.stranger_authority, ca=True, usage=CERT_SIGN)
    assert kept.add("orphan.cer", orphan.raw) == 0
    assert codes(kept, 1) == {"no-anchor"}


def test_a_store_that_cannot_be_read_is_exit_2(kept: TrustHome, capsys: pytest.CaptureFixture[str]) -> None:
    (kept.home.trust / "anchors" / "broken.pem").write_bytes(b"broken")
    for act in (("check",), ("add", kept.file("x", W.root.raw), "--anchor", "--source", "x")):
        assert kept.run(*act) == 2
        assert "broken.pem" in capsys.readouterr().err


def test_what_the_command_added_is_what_signatures_are_judged_by(kept: TrustHome) -> None:
    signed = ofd_cases.pack(ofd_cases.recipe("v4").parts())
    assert verify(signed, "x", kept.store, AT).verdict is Verdict.VALID
    with pytest.raises(TrustError):
        keeping.find(kept.home.trust, "abc")


def test_affected_lists_nothing_where_nothing_waits(
    kept: TrustHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert kept.run("affected", kept.file("other.cer", W.stranger_authority.raw)) == 0
    assert capsys.readouterr().out == "0 件 / records\n"
