"""Turn a planned paper into the bytes of its file, signed or sealed by whom the plan says."""

from __future__ import annotations

import dataclasses
import datetime as dt

from samplenight import forms, layout, ofdfile, pdffile, pdfpki, pdfsign, sealpki
from samplenight.model import Case, Paper


@dataclasses.dataclass(frozen=True)
class Desk:
    """The two authorities; made once a worker."""

    pdf: pdfpki.Authority
    seals: sealpki.Authority


@dataclasses.dataclass(frozen=True)
class Made:
    """A file's bytes and its number of pages (1 for what has none)."""

    data: bytes
    pages: int


def make(desk: Desk, case: Case, paper: Paper) -> Made:
    if paper.kind == "pdf":
        pages = layout.pages(paper)
        data = pdffile.write(paper, pages)
        if paper.signer:
            place = layout.seal_place(pages)
            data = pdfsign.sign(data, desk.pdf.signers[paper.signer], paper.made_at, f"签署{paper.name}", place)
        return Made(data, len(pages))
    if paper.kind == "ofd":
        files, count = ofd_members(desk, case, paper)
        return Made(ofdfile.pack(files, paper.made_at), count)
    if paper.kind == "xml":
        return Made(forms.form_data(case, paper), 1)
    if paper.kind == "txt":
        return Made(forms.process_log(case), 1)
    return Made(forms.scan(case, paper), 1)


def ofd_members(desk: Desk, case: Case, paper: Paper, owner: str | None = None, seal_end: dt.datetime | None = None
                ) -> tuple[ofdfile.Members, int]:  # fmt: skip
    """The files of the OFD package and its pages. ``owner`` other than the signer lends a seal that is not the signer's."""
    pages = layout.pages(paper)
    press = None
    if paper.signer:
        signers = desk.seals.signers
        owner = owner or paper.signer
        number = f"{case.agency['region_code']}{list(signers).index(owner) + 1:08d}"
        press = ofdfile.Press(desk.seals.maker, signers[owner], signers[paper.signer], number, seal_end or pdfpki.END)
    return ofdfile.members(paper, pages, press), len(pages)
