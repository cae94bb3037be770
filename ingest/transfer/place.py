"""Putting an accepted package where the archives keep it: all of it or nothing."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ingest.settings import Home
from ingest.steps import house
from ingest.transfer.disk import digest_of, sync
from sip.transfer.verify import TransferResult, tree_files

STORE = "store"


class PlaceTaken(Exception):
    """Something else stands where the package belongs. Nothing was overwritten."""


def put(home: Home, target: str, name: str, package: Path, papers: Mapping[str, Path], judged: TransferResult) -> str:
    """Keep the package as ``name``; returns the place in words. May be repeated.

    In a folder: the original package, its papers, and the tree unpacked beside it, each file compared with its digest. In the
    store: the original package and its papers as objects. Raises PlaceTaken, OSError, and what the store raises.
    """
    return (
        _to_store(home, name, package, papers)
        if target == STORE
        else _to_folder(Path(target), name, package, papers, judged)
    )


def _to_folder(folder: Path, name: str, package: Path, papers: Mapping[str, Path], judged: TransferResult) -> str:
    final = folder / name
    if final.exists():
        if digest_of(final / "package.zip") != digest_of(package):
            raise PlaceTaken(
                f"{final} 已有别的内容，未覆盖；请核实并移走它，再执行一次 / something else stands there: move it away, run again"
            )
        return str(final)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f".{glob.escape(name)}-*.attempt"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    attempt = folder / f".{name}-{os.getpid()}.attempt"
    try:
        for path, chunks in tree_files(package):
            _write(attempt / "content" / path, chunks, judged.digests.get(path))
        shutil.copyfile(package, attempt / "package.zip")
        for paper, source in papers.items():
            shutil.copyfile(source, attempt / paper)
        for place, folders, files in os.walk(attempt):
            for entry in (*folders, *files, "."):
                sync(Path(place) / entry)
        attempt.rename(final)
        sync(folder)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    return str(final)


def _write(path: Path, chunks: Iterator[bytes], expected: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256()
    with path.open("xb") as out:
        for piece in chunks:
            sha256.update(piece)
            out.write(piece)
    if expected is not None and sha256.hexdigest() != expected:
        raise OSError(f"{path}: 解包所得与清单不符 / what was unpacked is not what the manifest says")


def _to_store(home: Home, name: str, package: Path, papers: Mapping[str, Path]) -> str:
    from ingest.store.objects import KeyTaken

    store = house.store(home)
    prefix = f"transfers/{name}"
    try:
        for key, path in ((f"{prefix}/package.zip", package), *((f"{prefix}/{n}", p) for n, p in papers.items())):
            with path.open("rb") as body:
                store.put_once(key, body, digest_of(path), path.stat().st_size)
    except KeyTaken as e:
        raise PlaceTaken(f"{e}: 已有别的内容 / other bytes stand there") from e
    return prefix
