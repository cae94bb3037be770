"""Who may do what: six roles, ten rights, one table."""

from __future__ import annotations

import dataclasses
import enum


class Role(enum.StrEnum):
    """What a person is at the desk. One each; Airflow's users are given theirs by `desk.people`."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"  # runs the nights
    ARCHIVIST = "archivist"  # decides about records and schedules
    REVIEWER = "reviewer"  # the second person
    AUDITOR = "auditor"  # reads everything, changes nothing
    PRODUCER = "producer"  # an agency: sees its own alone


class Right(enum.StrEnum):
    """What a route asks for."""

    SEE = "see"
    SEE_PERSONAL = "see_personal"  # names, identity numbers, telephones in clear; each look is an event
    RERUN = "rerun"
    DECIDE = "decide"
    CONFIRM = "confirm"  # as the second person
    SCHEDULE = "schedule"
    INSPECT = "inspect"
    VERIFY = "verify"
    CONFIGURE = "configure"
    PUSH = "push"  # announce an agency's own deliveries


_ALL = frozenset(Right) - {Right.PUSH}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: _ALL,
    Role.OPERATOR: frozenset({Right.SEE, Right.RERUN, Right.VERIFY}),
    Role.ARCHIVIST: _ALL - {Right.CONFIRM, Right.CONFIGURE},
    Role.REVIEWER: frozenset({Right.SEE, Right.SEE_PERSONAL, Right.CONFIRM, Right.SCHEDULE, Right.VERIFY}),
    Role.AUDITOR: frozenset({Right.SEE, Right.SEE_PERSONAL, Right.VERIFY}),
    Role.PRODUCER: frozenset({Right.SEE, Right.PUSH}),
}

ROLE_NAMES: dict[Role, tuple[str, str]] = {
    Role.ADMINISTRATOR: ("管理员", "administrator"),
    Role.OPERATOR: ("操作员", "operator"),
    Role.ARCHIVIST: ("档案员", "archivist"),
    Role.REVIEWER: ("复核员", "reviewer"),
    Role.AUDITOR: ("审计员", "auditor"),
    Role.PRODUCER: ("报送单位", "producer"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """Somebody who is logged in. ``agency`` is None for those who see every agency; a producer always has one."""

    name: str
    role: Role
    agency: str | None = None

    def __post_init__(self) -> None:
        if (self.role is Role.PRODUCER) != (self.agency is not None):
            raise ValueError("a producer, and nobody else, belongs to one agency")

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]
