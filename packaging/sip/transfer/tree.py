"""The tree of DA/T 93-2022 annex B: where what stands, and where the parts of an archived package go in it."""

from __future__ import annotations

from collections.abc import Iterable

NOTE, CATALOGUE, OTHER = "说明文件.TXT", "目录文件.XML", "其他"
HANDOVER, OPENING = f"{OTHER}/交接单据.XML", f"{OTHER}/开放审核意见.XML"
EARLIER = f"{OTHER}/历次版本"  # whole packages of earlier versions of a record, unpacked
EVIDENCE = "归档信息"  # in an item's folder: all that its package had besides content and the two XML files
CLAIMS = "metadata/transfer.json"  # of the bag, outside the tree

_TO_TREE = {"metadata/base_info.xml": "基本信息元数据.xml", "metadata/process_info.xml": "办理过程元数据.xml"}
_FROM_TREE = {there: here for here, there in _TO_TREE.items()}


def item_folder(fonds: str, category: str, archival_code: str) -> str:
    """The folder of one item: ``T001``, ``ZY·XK``, 档号 → ``T001/ZY/XK/<档号>``."""
    return "/".join([fonds, *category.split("·"), archival_code])


def in_item(package_path: str) -> str:
    """Where a file of an archived package (path below its bag's folder) stands in its item's folder."""
    if package_path.startswith("data/"):
        return package_path.removeprefix("data/")
    return _TO_TREE.get(package_path) or f"{EVIDENCE}/{package_path}"


def in_package(item_path: str) -> str:
    """The inverse of `in_item`: the path that a file of an item's folder had in the archived package."""
    if item_path.startswith(EVIDENCE + "/"):
        return item_path.removeprefix(EVIDENCE + "/")
    return _FROM_TREE.get(item_path) or f"data/{item_path}"


def earlier_folder(archival_code: str, version: int) -> str:
    """Where an earlier version of an item is kept, its package's own tree below."""
    return f"{EARLIER}/{archival_code}/v{version}"


def is_content(item_path: str) -> bool:
    """Whether a file of an item's folder is content: anything but XML metadata in the folder itself and the evidence."""
    return not item_path.startswith(EVIDENCE + "/") and ("/" in item_path or not is_metadata(item_path))


def is_metadata(item_path: str) -> bool:
    """Whether it is a metadata XML: it stands in the item's folder itself."""
    return "/" not in item_path and item_path.lower().endswith(".xml")


def item_of(path: str, listed: Iterable[str]) -> tuple[str, str, str] | None:
    """(档号, item folder, path in it) of a file below a fonds' folder, by the 档号 listed; None where no folder on its way is one."""
    parts = path.split("/")
    for n, part in enumerate(parts[:-1]):
        if n and part in listed:
            return part, "/".join(parts[: n + 1]), "/".join(parts[n + 1 :])
    return None
