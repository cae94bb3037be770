"""An incident is told once by mail and by web hook, again only when there is more of it, and when it is over; no secret leaks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from posts import PASSWORD, USER, Box, Hook

from ingest import cli
from ingest.alerts import Alarm, settle
from ingest.alerts.incidents import ENDED, OPEN, incidents
from ingest.alerts.kinds import PAGES, kinds
from ingest.alerts.notify import notifiers
from ingest.settings import ConfigError, Home

AT = dt.datetime(2026, 11, 20, 3, 0, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(minutes=10)
CODES = ["STORE-AWAY", "DISK-FULL"]


def smtp(mail: Box, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": mail.port, "user": USER, "password": PASSWORD, "from": "archive@example.invalid",
            "to": ["night@example.invalid", "day@example.invalid"], "ca_file": str(mail.ca)} | more  # fmt: skip


def configure(home: Home, settings: Mapping[str, Any]) -> None:
    home.secrets.mkdir(mode=0o700, exist_ok=True)
    (home.secrets / "alerts.json").write_text(json.dumps(settings), "utf-8")


def alarm(*items: str, subject: str = "main") -> Alarm:
    return Alarm("STORE-AWAY", subject, ["main: 连接被拒绝"], frozenset(items))


def test_told_once_by_both_ways_and_once_more_when_it_is_over(home: Path, webhook: Hook, mail: Box) -> None:
    at = Home.of(home)
    configure(at, {"url": webhook.url, "smtp": smtp(mail)})
    for n in range(5):
        settle(at, CODES, [alarm()], AT + n * (LATER - AT))
    assert len(webhook.got) == len(mail.got) == 1
    settle(at, CODES, [], LATER)
    settle(at, CODES, [], LATER)
    assert [(g["what"], g["state"]) for g in webhook.got] == [("STORE-AWAY", "open"), ("STORE-AWAY", "ended")]
    assert "guidang store probe" in webhook.got[0]["text"] and "main: 连接被拒绝" in webhook.got[0]["text"]
    first, last = mail.got
    assert "STORE-AWAY" in first["Subject"] and "解除" in last["Subject"] and mail.to[0] == smtp(mail)["to"]
    text = first.get_content()
    assert all(word in text for word in ("对象存储", "replica", "guidang store probe", "docs/operations/STORE-AWAY.md"))
    assert incidents(at, OPEN) == [] and incidents(at, ENDED)[0]["ended_at"] is not None
    settle(at, CODES, [alarm()], LATER)  # it comes again: that is another incident
    assert len(webhook.got) == len(mail.got) == 3


def test_more_of_it_is_news_and_less_of_it_is_not(home: Path, webhook: Hook) -> None:
    at = Home.of(home)
    configure(at, {"url": webhook.url})
    for items in (["a"], ["a"], ["a", "b"], ["b"], ["a", "b"]):
        settle(at, CODES, [alarm(*items)], AT)
    assert [g["lines"] for g in webhook.got] == [["main: 连接被拒绝"]] * 2


def test_each_look_speaks_for_its_own_codes_and_subject(home: Path, webhook: Hook) -> None:
    at = Home.of(home)
    configure(at, {"url": webhook.url})
    settle(at, CODES, [alarm(), alarm(subject="second")], AT)
    settle(at, ["DISK-FULL"], [], LATER)
    settle(at, CODES, [], LATER, subject="second")
    assert [i["subject"] for i in incidents(at, OPEN)] == ["main"]


def test_what_could_not_be_told_is_told_later_and_no_secret_is_written(home: Path, webhook: Hook, mail: Box) -> None:
    at = Home.of(home)
    configure(at, {"url": webhook.url, "smtp": smtp(mail, password="wrong-secret")})
    webhook.status = 302  # a hook that has moved is followed nowhere
    settle(at, CODES, [alarm()], AT)
    (kept,) = incidents(at)
    assert set(kept["untold"]) == {"mail", "webhook"} and "302" in kept["untold"]["webhook"]
    written = "".join(p.read_text("utf-8") for p in (at.root / "alerts").glob("*.json"))
    assert "secret-token" not in written and "wrong-secret" not in written and PASSWORD not in written
    webhook.status = 204
    configure(at, {"url": webhook.url, "smtp": smtp(mail)})
    settle(at, CODES, [alarm()], LATER)
    settle(at, CODES, [alarm()], LATER)
    assert len(webhook.got) == len(mail.got) == 1
    assert incidents(at)[0]["untold"] == {}


def test_an_end_that_nobody_took_is_told_later(home: Path, webhook: Hook) -> None:
    at = Home.of(home)
    configure(at, {"url": webhook.url})
    settle(at, CODES, [alarm()], AT)
    webhook.status = 500
    settle(at, CODES, [], LATER)
    webhook.status = 204
    for _ in range(2):
        settle(at, CODES, [], LATER)
    assert [g["state"] for g in webhook.got] == ["open", "ended"]


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "file:///etc/passwd"},
        {"smtp": {"host": "h", "from": "a", "to": []}},
        {"smtp": {"host": "h", "to": ["b"]}},
        {"smtp": {"host": "h", "from": "a", "to": ["b"], "tls": "perhaps"}},
        {"smtp": {"host": "h", "from": "a", "to": ["b"], "tls": "none", "user": "u", "password": "p-secret"}},
        {"smtp": {"host": "h", "from": "a", "to": ["b"], "port": "p-secret"}},
        ["p-secret"],
    ],
)
def test_wrong_settings_are_told_without_their_secrets(home: Path, settings: Any) -> None:
    configure(Home.of(home), settings)
    with pytest.raises(ConfigError) as wrong:
        notifiers(Home.of(home))
    if "port" not in str(settings):
        assert "p-secret" not in str(wrong.value)


def test_the_environment_goes_before_the_file(home: Path, mail: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Home.of(home)
    configure(at, {"smtp": smtp(mail, host="nowhere.invalid", password="x")})
    monkeypatch.setenv("GUIDANG_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("GUIDANG_SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("GUIDANG_MAIL_TO", "one@example.invalid, two@example.invalid")
    settle(at, CODES, [alarm()], AT)
    assert mail.to == [["one@example.invalid", "two@example.invalid"]]


def test_a_subject_cannot_write_headers(home: Path, mail: Box) -> None:
    at = Home.of(home)
    configure(at, {"smtp": smtp(mail)})
    settle(at, CODES, [alarm(subject="x\r\nBcc: thief@example.invalid\r\n\r\nhello")], AT)
    assert mail.got[0]["Bcc"] is None and mail.to[0] == smtp(mail)["to"]


def test_a_test_message_reaches_every_notifier(
    home: Path, webhook: Hook, mail: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["watch", "--test", "--home", str(home)]
    assert cli.main(at) == 0 and "没有配置" in capsys.readouterr().out
    configure(Home.of(home), {"url": webhook.url, "smtp": smtp(mail)})
    assert cli.main(at) == 0
    assert webhook.got[0]["what"] == "TEST" and len(mail.got) == 1
    webhook.status = 500
    assert cli.main(at) == 2
    assert "secret-token" not in "".join(capsys.readouterr())


def test_every_alarm_says_what_to_do_and_has_its_page() -> None:
    for kind in kinds().values():
        assert kind.zh and kind.en and kind.next_zh and kind.next_en
        assert (PAGES / f"{kind.code}.md").is_file(), kind.code
