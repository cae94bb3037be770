"""Where a source system is and as whom we go there. Written as Airflow writes connections; never kept in a data file.

Airflow's own connections are handed in by the DAG (``Home.connections``); without Airflow they come from the variables that
Airflow reads too (``AIRFLOW_CONN_<ID>``, JSON) or from ``secrets/connections.json`` (0600).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from ingest.settings import ConfigError, Home


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """One connection. Nothing secret appears in its repr, so it cannot end in a log."""

    id: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = dataclasses.field(default="", repr=False)
    schema: str = ""
    extra: str = dataclasses.field(default="{}", repr=False)  # JSON object

    def option(self, name: str, default: str = "") -> str:
        """A text of ``extra``."""
        return str(json.loads(self.extra).get(name, default))


def connection(home: Home, id_: str) -> Connection:
    """The connection called ``id_``. Raises ConfigError where there is none, or it cannot be read."""
    given = home.connections.get(id_) or _from_environment(id_) or _from_secrets(home, id_)
    if given is None:
        raise ConfigError(
            f"没有连接 {id_}：在 Airflow 的 Admin → Connections 建立，或设置环境变量 AIRFLOW_CONN_{id_.upper()}，"
            f"或写入 {home.secrets / 'connections.json'}（0600）"
            f" / No connection {id_}: make it in Airflow (Admin → Connections), in the environment, or in that file"
        )
    extra = given.get("extra") or {}
    try:
        text = json.dumps(json.loads(extra) if isinstance(extra, str) else extra, sort_keys=True)
        return Connection(
            id=id_,
            host=given.get("host") or "",
            port=int(given["port"]) if given.get("port") else None,
            login=given.get("login") or "",
            password=given.get("password") or "",
            schema=given.get("schema") or "",
            extra=text,
        )
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(f"连接 {id_} 的内容有误 / connection {id_} cannot be read") from None


def _from_environment(id_: str) -> Mapping[str, Any] | None:
    text = os.environ.get(f"AIRFLOW_CONN_{id_.upper()}")
    return None if text is None else _object(text, f"AIRFLOW_CONN_{id_.upper()}")


def _from_secrets(home: Home, id_: str) -> Mapping[str, Any] | None:
    path = home.secrets / "connections.json"
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path} 他人可读：chmod 600 / others can read it: chmod 600")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    found = _object(text, str(path)).get(id_)
    return None if found is None else dict(found)


def _object(text: str, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: 须是 JSON 对象 / must be a JSON object")
    return value
