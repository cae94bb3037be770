"""Faults in what a delivery says of itself, or in how its files lie there. Each function makes exactly one."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Callable

from samplenight.codes import USCC_ALPHABET
from samplenight.delivery import Delivery


def wrong_digest(delivery: Delivery) -> None:
    digest = delivery.entry("decision")["digest"]
    digest["MD5"] = ("0" if digest["MD5"][0] != "0" else "1") + digest["MD5"][1:]


def file_missing(delivery: Delivery) -> None:
    del delivery.files[delivery.entry("decision")["path"]]


def file_extra(delivery: Delivery) -> None:
    entry = delivery.entry("apply_form")
    delivery.files["申报文件/未登记的附件.pdf"] = delivery.files[entry["path"]]


def broken_json(delivery: Delivery) -> None:
    """The file ends in the middle, as after a full disk."""
    whole = json.dumps(delivery.meta, ensure_ascii=False, indent=1).encode()
    delivery.raw = whole[: len(whole) * 3 // 5]


def classified(delivery: Delivery) -> None:
    delivery.meta["record"]["security_classification"] = "机密"


def no_files(delivery: Delivery) -> None:
    delivery.meta["files"] = []
    delivery.meta["relations"] = []
    for event in delivery.meta["events"]:
        event["files"] = []
    delivery.files.clear()
    delivery.recount()


def path_outside(delivery: Delivery) -> None:
    _rename(delivery, lambda group, name: f"{group}/../../{name}", keep=False)


def long_name(delivery: Delivery) -> None:
    """A name of 300 bytes: 98 characters and the suffix, each of three bytes in UTF-8. No file system could hold the file."""
    _rename(delivery, lambda group, name: f"{group}/01" + "关" * 98 + name[-4:], keep=False)


def decomposed_name(delivery: Delivery) -> None:
    """A name as some systems write it: the accented letter is two characters (NFD), in the metadata and on the disk."""
    _rename(
        delivery,
        lambda group, name: f"{group}/" + unicodedata.normalize("NFD", name[:-4] + "（Guǎngdōng）" + name[-4:]),
        keep=True,
    )


def wrong_check_digit(delivery: Delivery) -> None:
    """The last character of the applicant's code, one further."""
    applicant = delivery.meta["case"]["applicant"]
    code = applicant["id_no"]
    alphabet = USCC_ALPHABET if "FAKE" in code else "0123456789X"
    applicant["id_no"] = code[:-1] + alphabet[(alphabet.index(code[-1]) + 1) % len(alphabet)]


def impossible_order(delivery: Delivery) -> None:
    """Accepted the day before it was applied for; the case and its event agree about it."""
    case = delivery.meta["case"]
    early = (dt.datetime.fromisoformat(case["applied_at"]) - dt.timedelta(days=1)).isoformat()
    case["accepted_at"] = early
    for event in delivery.meta["events"]:
        if event["action"] == "accept":
            event["at"] = early


def _rename(delivery: Delivery, rule: Callable[[str, str], str], keep: bool) -> None:
    entry = delivery.entry("decision")
    old = entry["path"]
    entry["path"] = rule(*old.split("/"))
    data = delivery.files.pop(old)
    if keep:
        delivery.files[entry["path"]] = data
