"""Bags as other people make them: good ones to break in tests, and the three forms they come in."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

from sip.verify import VerifyResult, verify

Files = dict[str, bytes]


def digest_lines(files: Files, algorithm: str, paths: list[str]) -> bytes:
    return "".join(f"{hashlib.new(algorithm, files[p]).hexdigest()}  {p}\n" for p in paths).encode()


def bag(algorithms: tuple[str, ...] = ("sha256",), version: str = "1.0", payload: Files | None = None) -> Files:
    """A plain good bag of someone else's."""
    files = {f"data/{p}": d for p, d in (payload or {"a.txt": b"alpha", "b/c.txt": b"gamma"}).items()}
    data = sorted(files)
    oxum = f"{sum(map(len, files.values()))}.{len(files)}"
    files["bagit.txt"] = f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n".encode()
    info = "package-info.txt" if version < "0.96" else "bag-info.txt"
    files[info] = f"Source-Organization: FAKE\nPayload-Oxum: {oxum}\n".encode()
    for a in algorithms:
        files[f"manifest-{a}.txt"] = digest_lines(files, a, data)
    return files


def tagged(files: Files, algorithm: str = "sha256") -> Files:
    """The bag with a tag manifest over what it has now."""
    paths = sorted(p for p in files if not p.startswith(("data/", "tagmanifest-")))
    return files | {f"tagmanifest-{algorithm}.txt": digest_lines(files, algorithm, paths)}


def as_zip(files: Files, top: str = "bag/") -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in files.items():
            z.writestr(top + path, data)
    return out


def as_tar(files: Files, top: str = "bag/") -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for path, data in files.items():
            info = tarfile.TarInfo(top + path)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out


def judge(files: Files) -> VerifyResult:
    return verify(as_zip(files), "bag.zip")


def codes(result: VerifyResult, severity: str = "error") -> set[str]:
    return {f.code for f in result.findings if f.severity == severity}
