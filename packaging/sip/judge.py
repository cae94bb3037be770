"""The independent judge: the bagit library of the Library of Congress, asked about a package that it did not make.

What bagit 1.9 does that matters here, read in its source and pinned by tests:

- it looks only for manifests of ``hashlib.algorithms_guaranteed``, so SM3 manifests go unread; `bagit_valid` adds ``sm3`` to its list
  of names, and bagit then judges them by its own code like any other;
- it never decodes ``%25`` and decodes at most two ``%0A`` and ``%0D`` each (upper case only): a name with a percent sign in a right
  BagIt 1.0 manifest is *missing* to it. `names_beyond_bagit` tells which complaints are its own;
- ``Bag.save`` and ``make_bag`` change the process's working directory; neither is called here. Its log lines go to its own logger.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sip import names
from sip.container import Container, Damaged, Folder
from sip.faults import Fault, fault
from sip.opening import Source, opened

# What bagit has to say comes back as a list; without a handler its warnings would also run over the terminal.
logging.getLogger("bagit").addHandler(logging.NullHandler())


def bagit_valid(source: Source, workdir: Path) -> list[str]:
    """Ask bagit about a package or an unpacked bag; its complaints, none when it calls it valid.

    A package (ZIP, TAR; a path or an open file) is unpacked into a fresh folder below ``workdir``, which is removed again; a
    folder is judged where it stands. A container that cannot be unpacked safely is a complaint too, and so are links in a
    folder, which bagit would follow. Not for several threads at once (bagit's list of algorithms is one for the process).
    Needs the ``bagit`` package. OSError where the source cannot be read.
    """
    with opened(source) as container:
        if isinstance(container, Fault):
            return [container.text("en")]
        if isinstance(container, Folder):
            assert isinstance(source, Path)
            return _errors(container) or _ask(source)
        with tempfile.TemporaryDirectory(prefix="bagit-", dir=workdir) as folder:
            tops, complaints = _unpack(container, Path(folder))
            if not complaints and len(tops) != 1:
                complaints = [f"{len(tops)} top folders"]
            return complaints or _ask(Path(folder) / tops.pop())


def bagit_faults(source: Source, workdir: Path) -> list[Fault]:
    """`bagit_valid` as faults. Where the bag has names that bagit itself cannot read, what it says is a warning, not a verdict."""
    complaints = bagit_valid(source, workdir)
    if not complaints:
        return []
    with opened(source) as container:
        found = [] if isinstance(container, Fault) else [i.name for i in container.items]
    beyond = names_beyond_bagit(found)
    return [
        fault("PKG-BAGIT-BEYOND" if any(_about(text, name) for name in beyond) else "PKG-BAGIT", reason=text)
        for text in complaints
    ]


def _about(complaint: str, name: str) -> bool:
    spellings = {name, name.partition("/")[2]}
    spellings |= {names.encode(s) for s in spellings}
    return any(s and s in complaint for s in spellings)


def _ask(folder: Path) -> list[str]:
    import bagit  # an auditor may verify without it

    known = bagit.CHECKSUM_ALGOS
    bagit.CHECKSUM_ALGOS = {*known, "sm3"} & (set(known) | hashlib.algorithms_available)
    try:
        bagit.Bag(str(folder)).validate()
    except bagit.BagError as e:
        return [str(d) for d in getattr(e, "details", [])] or [str(e)]
    except (OSError, UnicodeError, LookupError, ValueError) as e:  # seen with unknown encodings and hostile names
        return [f"{type(e).__name__}: {e}"]
    finally:
        bagit.CHECKSUM_ALGOS = known
    return []


def names_beyond_bagit(paths: Iterable[str]) -> list[str]:
    """Those of the payload paths that bagit 1.9 cannot find by a right manifest: with ``%``, or with more than two CR or LF."""
    return [p for p in paths if "%" in p or p.count("\r") > 2 or p.count("\n") > 2]


def _errors(container: Container) -> list[str]:
    return [f.text("en") for f in container.faults if f.severity == "error"]


def _unpack(container: Container, folder: Path) -> tuple[set[str], list[str]]:
    complaints = _errors(container)
    tops: set[str] = set()
    seen: set[str] = set()
    for item in container.items:
        if (why := names.fault_of_path(item.name)) or item.name in seen:
            complaints.append(f"{item.name!r} is not unpacked: {why or 'given twice'}")
            continue
        seen.add(item.name)
        tops.add(item.name.split("/")[0])
        target = folder / item.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in container.chunks(item):
                    out.write(piece)
        except Damaged as e:
            complaints.append(f"{item.name}: {e.fault.text('en')}")
        except (FileExistsError, NotADirectoryError):
            complaints.append(f"{item.name!r} is not unpacked: another name is in its way")
    for name in container.folders:
        if not names.fault_of_path(name):
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                (folder / name).mkdir(parents=True, exist_ok=True)
            tops.add(name.split("/")[0])
    return tops, complaints
