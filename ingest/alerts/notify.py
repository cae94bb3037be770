"""Mail and web hook: where alarms go. Settings with secrets come from the environment or ``secrets/alerts.json`` (0600).

    {"url": "https://chat.example/hook/…",
     "smtp": {"host": "mail.example", "port": 587, "tls": "starttls", "user": "…", "password": "…", "from": "…", "to": ["…"],
              "ca_file": "…"}}

No secret gets into a log, an error or an incident's file: a hook's address is told by its host only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from ingest.settings import ConfigError, Home
from sip import canonical

Notifier = Callable[[Mapping[str, Any]], None]
_SECONDS = 15
_TLS = ("starttls", "tls", "none")
_ENVIRONMENT = {"GUIDANG_SMTP_HOST": "host", "GUIDANG_SMTP_PORT": "port", "GUIDANG_SMTP_TLS": "tls", "GUIDANG_SMTP_USER": "user",
                "GUIDANG_SMTP_PASSWORD": "password", "GUIDANG_SMTP_CA": "ca_file", "GUIDANG_MAIL_FROM": "from",
                "GUIDANG_MAIL_TO": "to"}  # fmt: skip


class NotTold(Exception):
    """A notifier could not be reached, or did not take the message. Tried again; the text holds no secret."""


def notifiers(home: Home) -> dict[str, Notifier]:
    """Those that are configured, by name: ``mail``, ``webhook``. Raises ConfigError."""
    path = home.secrets / "alerts.json"
    try:
        given: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        smtp = dict(given.get("smtp", {}))
    except (OSError, ValueError, AttributeError, TypeError):
        raise ConfigError(f"告警配置不是 JSON / not the JSON that it should be: {path}") from None
    smtp |= {name: os.environ[key] for key, name in _ENVIRONMENT.items() if os.environ.get(key)}
    out: dict[str, Notifier] = {}
    if smtp:
        out["mail"] = partial(_mail, _checked(smtp))
    if url := os.environ.get("GUIDANG_ALERT_URL") or given.get("url"):
        if not str(url).startswith(("http://", "https://")):
            raise ConfigError("GUIDANG_ALERT_URL 须以 http:// 或 https:// 开头 / must begin with http:// or https://")
        out["webhook"] = partial(_post, str(url))
    return out


def _checked(smtp: Mapping[str, Any]) -> dict[str, Any]:
    try:
        to = smtp["to"].split(",") if isinstance(smtp["to"], str) else list(smtp["to"])
        tls = smtp.get("tls", "starttls")
        out = {"host": str(smtp["host"]), "port": int(smtp.get("port", 465 if tls == "tls" else 587)), "tls": tls,
               "user": smtp.get("user"), "password": smtp.get("password", ""), "from": str(smtp["from"]),
               "to": [str(t).strip() for t in to if str(t).strip()], "ca_file": smtp.get("ca_file")}  # fmt: skip
    except (KeyError, ValueError, TypeError) as e:
        raise ConfigError(f"邮件告警缺少或写错 / mail alerts lack or misspell: {type(e).__name__} {e}") from None
    if tls not in _TLS or not out["to"]:
        raise ConfigError(
            "邮件告警：tls 须为 starttls、tls 或 none，to 不可为空 / tls must be one of these, and `to` not empty"
        )
    if out["user"] and tls == "none":
        raise ConfigError(
            "邮件告警：口令不经明文连接发送 / a password is not sent without TLS: tls must be starttls or tls"
        )
    return out


def _mail(smtp: Mapping[str, Any], incident: Mapping[str, Any]) -> None:
    message = _message(smtp, incident)
    try:
        context = ssl.create_default_context(cafile=smtp["ca_file"]) if smtp["tls"] != "none" else None
        if smtp["tls"] == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(smtp["host"], smtp["port"], timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(smtp["host"], smtp["port"], timeout=_SECONDS)
        with server:
            if smtp["tls"] == "starttls":
                server.starttls(context=context)
            if smtp["user"]:
                server.login(smtp["user"], smtp["password"])
            server.send_message(message)
    except smtplib.SMTPAuthenticationError as e:
        raise NotTold(
            f"{smtp['host']}:{smtp['port']}: 口令或用户不符 / user or password refused ({e.smtp_code})"
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as e:
        raise NotTold(f"{smtp['host']}:{smtp['port']}: {type(e).__name__}: {e}") from None


def _message(smtp: Mapping[str, Any], incident: Mapping[str, Any]) -> EmailMessage:
    ended = incident["state"] == "ended"
    subject = f"[归档 Guidang] {'已解除 over' if ended else '告警 alarm'} {incident['what']} {incident['subject']}"
    message = EmailMessage()
    message["Subject"] = " ".join("".join(c if c.isprintable() else " " for c in subject).split())[:180]
    message["From"], message["To"] = smtp["from"], ", ".join(smtp["to"])
    when = incident["ended_at"] if ended else incident["begun_at"]
    message["Date"] = format_datetime(dt.datetime.fromisoformat(when))
    # sent twice (a crash before it was noted) it is the same message
    told = canonical.dumps({name: incident[name] for name in ("what", "subject", "state", "begun_at", "count")})
    message["Message-ID"] = f"<{hashlib.sha256(told).hexdigest()[:32]}@guidang>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words(incident))
    return message


def words(incident: Mapping[str, Any]) -> str:
    """An incident as people read it: what, since when, what to do next, the page, the lines."""
    head = [f"{incident['what']}  {incident['zh']} / {incident['en']}", f"对象 / about: {incident['subject']}",
            f"开始 / since: {incident['begun_at']}"]  # fmt: skip
    if incident["state"] == "ended":
        return "\n".join([*head, f"已解除 / over: {incident['ended_at']}", ""])
    lines = [f"  {line}" for line in incident["lines"]]
    return "\n".join([*head, f"下一步 / next: {incident['next']['zh']} / {incident['next']['en']}",
                      f"手册 / page: {incident['page']}", "", *lines, ""])  # fmt: skip


def _post(url: str, incident: Mapping[str, Any]) -> None:
    """POST the incident as JSON; chat hooks and mail gateways take it. ``text`` is what most chats show."""
    body = canonical.dumps({**incident, "text": words(incident)})
    call = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 http and https only, checked
    where = urlsplit(url).hostname
    try:
        with urllib.request.build_opener(_NoRedirect).open(call, timeout=_SECONDS):
            pass
    except urllib.error.HTTPError as e:
        e.close()
        raise NotTold(f"{where}: HTTP {e.code}") from None
    except (OSError, HTTPException, ValueError) as e:
        raise NotTold(f"{where}: {type(e).__name__}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A hook that has moved is a setting to mend: the message goes to nobody who was not named."""

    def redirect_request(self, *_: Any) -> None:
        return None
