"""The independent judge: the bagit library of the Library of Congress, asked about a package that it did not make.

What bagit 1.9 does that matters here, read in its source and pinned by tests:

- it looks only for manifests of ``hashlib.algorithms_guaranteed``, so SM3 manifests go unread; `bagit_valid` adds ``sm3`` to its list
  of names, and bagit then judges them by its own code like any other;
- it never decodes ``%25`` and decodes at most two ``%0A`` and ``%0D`` each (upper case only): a name with a percent sign in a right
  BagIt 1.0 manifest is *missing* to it. `names_beyond_bagit` tells which complaints are its own;
- ``Bag.save`` and ``make_bag`` change the process's working directory; neither is called here. Its log lines go to its own logger.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sip import names
from sip.container import Damaged
from sip.zipread import Zip

# What bagit has to say comes back as a list; without a handler its warnings would also run over the terminal.
logging.getLogger("bagit").addHandler(logging.NullHandler())


def bagit_valid(package: Path, workdir: Path) -> list[str]:
    """Unpack a ZIP package into a fresh folder below ``workdir`` and ask bagit; its complaints, none when it calls it valid.

    A container that cannot be unpacked safely is a complaint too. The folder is removed again. Not for several threads at once
    (bagit's list of algorithms is one for the process). Needs the ``bagit`` package.
    """
    import bagit  # an auditor may verify without it

    with tempfile.TemporaryDirectory(prefix="bagit-", dir=workdir) as folder, package.open("rb") as file:
        tops, complaints = _unpack(Zip(file), Path(folder))
        if complaints:
            return complaints
        if len(tops) != 1:
            return [f"{len(tops)} top folders"]
        known = bagit.CHECKSUM_ALGOS
        bagit.CHECKSUM_ALGOS = {*known, "sm3"} & (set(known) | hashlib.algorithms_available)
        try:
            bagit.Bag(str(Path(folder) / tops.pop())).validate()
        except bagit.BagError as e:
            return [str(d) for d in getattr(e, "details", [])] or [str(e)]
        finally:
            bagit.CHECKSUM_ALGOS = known
    return []


def names_beyond_bagit(paths: Iterable[str]) -> list[str]:
    """Those of the payload paths that bagit 1.9 cannot find by a right manifest: with ``%``, or with more than two CR or LF."""
    return [p for p in paths if "%" in p or p.count("\r") > 2 or p.count("\n") > 2]


def _unpack(package: Zip, folder: Path) -> tuple[set[str], list[str]]:
    complaints = [f.text("en") for f in package.faults if f.severity == "error"]
    tops: set[str] = set()
    seen: set[str] = set()
    for item in package.items:
        if (why := names.fault_of_path(item.name)) or item.name in seen:
            complaints.append(f"{item.name!r} is not unpacked: {why or 'given twice'}")
            continue
        seen.add(item.name)
        tops.add(item.name.split("/")[0])
        target = folder / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("xb") as out:
                for piece in package.chunks(item):
                    out.write(piece)
        except Damaged as e:
            complaints.append(f"{item.name}: {e.fault.text('en')}")
    return tops, complaints
