"""Whom the desk takes a user of Airflow for: by name or by Airflow's role, as config/desk.json says; nobody unknown gets in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from desk.roles import Role, User
from ingest.settings import ConfigError, Home

# Airflow's roles, SimpleAuth's four and FAB's by their names; and the users of a single machine whose role there is archivists' too.
_REVIEWERS = ("reviewer", "approver")
_BY_ROLE = {
    "admin": Role.ADMINISTRATOR,
    "op": Role.OPERATOR,
    "user": Role.ARCHIVIST,
    "viewer": Role.AUDITOR,
    "archivist": Role.ARCHIVIST,
    "reviewer": Role.REVIEWER,
    "auditor": Role.AUDITOR,
}


@dataclasses.dataclass(frozen=True, slots=True)
class People:
    """The mapping of one home. ``users`` goes before ``roles``; of several roles the one that may most counts."""

    users: Mapping[str, User]
    roles: Mapping[str, Role]

    @classmethod
    def of(cls, home: Home) -> People:
        """As config/desk.json says (``{"users": {name: {"role", "agency"?}}, "roles": {Airflow role: role}}``), beside the
        defaults. Raises ConfigError where it cannot be read."""
        path = home.config / "desk.json"
        try:
            given: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
            users = {n: User(n, Role(u["role"]), u.get("agency")) for n, u in given.get("users", {}).items()}
            roles = {str(n).casefold(): Role(r) for n, r in given.get("roles", {}).items()}
        except FileNotFoundError:
            users, roles = {}, {}
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise ConfigError(f"工作台配置有误 / the desk's configuration is broken: {path}: {e}") from e
        if Role.PRODUCER in roles.values():
            raise ConfigError(f"{path}: producer 须按用户指定机构 / a producer is one of users, with its agency")
        return cls(users, _BY_ROLE | roles)

    def find(self, name: str, airflow_roles: Iterable[str]) -> User | None:
        """The desk's user for one of Airflow's, None for those without a role here."""
        if name in self.users:
            return self.users[name]
        found = {self.roles[r.casefold()] for r in airflow_roles if r.casefold() in self.roles}
        if not found:
            return None
        role = min(found, key=list(Role).index)
        return User(name, Role.REVIEWER if role is Role.ARCHIVIST and name in _REVIEWERS else role)
