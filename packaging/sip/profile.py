"""The BagIt Profile of our packages (``bagit-profile.json``, BagIt Profiles 1.4): what they promise beyond RFC 8493."""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sip.baginfo import PROFILE_ID, TRANSFER_PROFILE_ID
from sip.bagtext import Manifest
from sip.faults import Fault, fault

_FILES = {PROFILE_ID: "bagit-profile.json", TRANSFER_PROFILE_ID: "transfer/bagit-profile.json"}
_FORMS = {"zip": "application/zip", "tar": "application/x-tar"}


def promised(info: Sequence[tuple[str, str]]) -> str | None:
    """The profile of ours that bag-info.txt says the bag meets, None where it names none of them."""
    return next((v for label, v in info if label.lower() == "bagit-profile-identifier" and v in _FILES), None)


def claims(info: Sequence[tuple[str, str]]) -> bool:
    """Whether bag-info.txt says that the bag is one of ours."""
    return promised(info) is not None


def check(
    info: Sequence[tuple[str, str]],
    manifests: Sequence[Manifest],
    files: Iterable[str],
    version: tuple[int, int],
    form: str,
) -> list[Fault]:
    """Every requirement of the profile that the bag does not meet. An unpacked bag (form ``folder``) may stand unserialised."""
    rules = _profile(promised(info) or PROFILE_ID)
    return [
        *_info_faults(info, rules["Bag-Info"]),
        *_manifest_faults(manifests, rules),
        *_file_faults(set(files), rules),
        *_form_faults(version, form, rules),
    ]


def _info_faults(info: Sequence[tuple[str, str]], rules: dict[str, Any]) -> Iterator[Fault]:
    count = Counter(label.lower() for label, _ in info)
    for label, rule in rules.items():
        seen = count[label.lower()]
        if rule["required"] and not seen:
            yield _unmet("bag-info.txt", f"{label} is required")
        if seen > 1 and not rule["repeatable"]:
            yield _unmet("bag-info.txt", f"{label} may not be repeated")
        values = rule.get("values")
        for name, value in info:
            if values and name.lower() == label.lower() and value not in values:
                yield _unmet("bag-info.txt", f"{label} may not be {value!r}")


def _manifest_faults(manifests: Sequence[Manifest], rules: dict[str, Any]) -> Iterator[Fault]:
    for is_tag, prefix, name in ((False, "", "manifest"), (True, "Tag-", "tagmanifest")):
        found = {m.algorithm for m in manifests if m.is_tag == is_tag}
        for algorithm in rules[prefix + "Manifests-Required"]:
            if algorithm not in found:
                yield _unmet(f"{name}-{algorithm}.txt", "the manifest is required")
        for algorithm in sorted(found - set(rules[prefix + "Manifests-Allowed"])):
            yield _unmet(f"{name}-{algorithm}.txt", "the algorithm is not allowed")


def _file_faults(files: set[str], rules: dict[str, Any]) -> Iterator[Fault]:
    for path in rules["Tag-Files-Required"]:
        if path not in files:
            yield _unmet(path, "the tag file is required")
    for path in sorted(files):
        of_bagit = "/" not in path and (path in ("bagit.txt", "bag-info.txt") or "manifest-" in path)
        if path.startswith("data/") or of_bagit:
            continue
        if path == "fetch.txt":
            yield _unmet(path, "fetch.txt is not allowed")
        elif not any(fnmatch.fnmatchcase(path, pattern) for pattern in rules["Tag-Files-Allowed"]):
            yield _unmet(path, "the tag file is not allowed here")


def _form_faults(version: tuple[int, int], form: str, rules: dict[str, Any]) -> Iterator[Fault]:
    said = f"{version[0]}.{version[1]}"
    if said not in rules["Accept-BagIt-Version"]:
        yield _unmet("bagit.txt", f"BagIt version {said} is not accepted")
    if form in _FORMS and _FORMS[form] not in rules["Accept-Serialization"]:
        yield fault("PKG-PROFILE", reason=f"{_FORMS[form]} is not accepted")


def _unmet(path: str, reason: str) -> Fault:
    return fault("PKG-PROFILE", path, reason=reason)


@cache
def _profile(identifier: str) -> dict[str, Any]:
    rules: dict[str, Any] = json.loads((Path(__file__).parent / _FILES[identifier]).read_text("utf-8"))
    return rules
