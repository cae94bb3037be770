"""Forms on paper, in sheets and on screen: one neutral description, printed as PDF, written as XLSX or as HTML.

    form = Form("归档文件目录", [Table([Column("序号", 1), Column("题名", 6)], [[1, "准予决定书"]])], landscape=True)
    pdf, sheet = to_pdf(form), to_xlsx(form)

PDF and XLSX need the extra ``forms``; without it they raise FormsNotInstalled, which says what to install. Same forms, same bytes.
"""

from __future__ import annotations

from sip.forms.model import (
    Align,
    Block,
    Cell,
    Column,
    Field,
    Fields,
    Form,
    Heading,
    Matrix,
    Notes,
    PageBreak,
    Signature,
    Signatures,
    Table,
    Text,
    ticked,
)

__all__ = [
    "Align",
    "Block",
    "Cell",
    "Column",
    "Field",
    "Fields",
    "Form",
    "FormsNotInstalled",
    "Heading",
    "Matrix",
    "Notes",
    "PageBreak",
    "Signature",
    "Signatures",
    "Table",
    "Text",
    "ticked",
    "to_html",
    "to_pdf",
    "to_xlsx",
]


class FormsNotInstalled(Exception):
    """The libraries that print forms are an extra, and it is not installed."""

    def __init__(self, missing: str | None) -> None:
        super().__init__(
            f"缺少 {missing}：打印表格需安装 guidang[forms] / forms need the extra guidang[forms]: {missing} is missing"
        )


def to_html(*forms: Form) -> str:
    """One page without scripts; everything in it is text. Needs nothing installed."""
    from sip.forms.html import write

    return write(forms)


def to_pdf(*forms: Form) -> bytes:
    """One A4 document; each form begins a page and numbers its own pages. Raises FormsNotInstalled."""
    try:
        from sip.forms.pdf import write
    except ModuleNotFoundError as exc:
        raise FormsNotInstalled(exc.name) from exc
    return write(forms)


def to_xlsx(*forms: Form) -> bytes:
    """One workbook with a sheet a form. Text stays text: nothing in it is taken for a formula. Raises FormsNotInstalled."""
    try:
        from sip.forms.xlsx import write
    except ModuleNotFoundError as exc:
        raise FormsNotInstalled(exc.name) from exc
    return write(forms)
