"""Forms as a page of HTML: one file without scripts, fonts or pictures from elsewhere, so that it reads alike in thirty years.

Everything in a form is text and is escaped. Where rows stand out, a box ticked by hand shows them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from sip.forms.lines import shown
from sip.forms.model import Block, Cell, Fields, Form, Heading, Matrix, Notes, PageBreak, Signatures, Table, Text

_STYLE = """
body{font-family:"Noto Serif CJK SC","Source Han Serif SC",SimSun,serif;max-width:70em;margin:2em auto;padding:0 1em;color:#111}
h1{text-align:center;font-size:1.5em;margin-bottom:.2em}h2{font-size:1.1em;margin:1.6em 0 .5em}.sub{text-align:center;margin-top:0}
table{border-collapse:collapse;width:100%;font-size:.9em;margin:.4em 0}
th,td{border:1px solid #555;padding:.3em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th,tfoot td{background:#eee;font-weight:600}td.center{text-align:center}td.right{text-align:right}tr.stands-out{background:#fdf3d0}
td.sign{height:6em;width:50%}td.sign span{float:right;margin-top:3em}.note{color:#555;font-size:.8em;margin:.2em 0}
#only:checked~* tbody.long tr:not(.stands-out){display:none}
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}thead{display:table-header-group}
.turn{break-before:page}#only,#only+label{display:none}}
"""


def write(forms: Sequence[Form]) -> str:
    """One document of all forms, one below the other; same forms, same text."""
    if not forms:
        raise ValueError("no form to show")
    body = "\n".join(line for number, form in enumerate(forms) for line in _form(form, number > 0))
    filters = any(isinstance(block, Table) and block.shaded for form in forms for block in form.blocks)
    only = (
        '<input type="checkbox" id="only"><label for="only">仅显示未通过 / only what stands out</label>\n'
        if filters
        else ""
    )
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        f"<title>{_text(forms[0].title)} {_text(forms[0].subtitle)}</title><style>{_STYLE}</style></head><body>\n"
        f"{only}<main>\n{body}\n</main></body></html>\n"
    )


def _form(form: Form, turned: bool) -> Iterator[str]:
    turn = ' class="turn"' if turned else ""
    yield f"<h1{turn}>{_text(form.title)}</h1>"
    if form.subtitle:
        yield f'<p class="sub">{_text(form.subtitle)}</p>'
    for block in form.blocks:
        yield from _block(block)
    if form.footer:
        yield f'<p class="note">{_text(form.footer)}</p>'


def _block(block: Block) -> Iterator[str]:
    match block:
        case Table():
            yield from _table(block)
        case Fields():
            yield from _fields(block)
        case Heading():
            yield f"<h2>{_text(block.text)}</h2>"
        case Text():
            yield f"<p><b>{_text(block.text)}</b></p>" if block.strong else f"<p>{_text(block.text)}</p>"
        case Notes():
            yield from (f'<p class="note">{_text(line)}</p>' for line in block.lines)
        case Signatures():
            yield "<table>"
            for start in range(0, len(block.boxes), block.columns):
                row = block.boxes[start : start + block.columns]
                cells = (
                    f'<td class="sign">{_text(b.role)}　{_text(b.name)}<span>{_text(b.date)}</span></td>' for b in row
                )
                yield f"<tr>{''.join(cells)}</tr>"
            yield "</table>"
        case PageBreak():
            yield '<div class="turn"></div>'
        case Matrix():
            side = len(block.modules)
            dark = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(block.modules) for x, on in enumerate(row) if on)
            yield (
                f'<svg width="{block.size:g}mm" height="{block.size:g}mm" viewBox="0 0 {side} {side}" role="img">'
                f'<path d="{dark}"/></svg>'
            )
            yield from (f'<p class="note">{_text(line)}</p>' for line in block.lines)


def _table(table: Table) -> Iterator[str]:
    yield f"<table><thead><tr>{''.join(f'<th>{_text(c.title)}</th>' for c in table.columns)}</tr></thead>"
    yield '<tbody class="long">' if table.shaded else "<tbody>"
    for index, row in enumerate(table.rows):
        begin = '<tr class="stands-out">' if index in table.shaded else "<tr>"
        yield f"{begin}{_cells(table, row)}</tr>"
    yield "</tbody>"
    if table.summary:
        yield f"<tfoot>{''.join(f'<tr>{_cells(table, row)}</tr>' for row in table.summary)}</tfoot>"
    yield "</table>"


def _cells(table: Table, row: Sequence[Cell]) -> str:
    return "".join(f'<td class="{c.align.value}">{_text(v)}</td>' for c, v in zip(table.columns, row, strict=True))


def _fields(block: Fields) -> Iterator[str]:
    yield "<table>"
    line: list[str] = []
    for field in block.fields:
        if field.wide and line:
            yield _closed(line, block.columns)
            line = []
        span = f' colspan="{2 * block.columns - 1}"' if field.wide else ""
        line.append(f"<th>{_text(field.label)}</th><td{span}>{_text(field.value)}</td>")
        if field.wide or len(line) == block.columns:
            yield f"<tr>{''.join(line)}</tr>"
            line = []
    if line:
        yield _closed(line, block.columns)
    yield "</table>"


def _closed(line: Sequence[str], columns: int) -> str:
    rest = 2 * (columns - len(line))
    empty = f'<td colspan="{rest}"></td>' if rest else ""
    return f"<tr>{''.join(line)}{empty}</tr>"


def _text(value: Cell) -> str:
    """Escaped; control characters and direction marks are named, line feeds break the line."""
    plain = shown("" if value is None else str(value), lambda c: c.isprintable() or c in "　 ")
    return escape(plain).replace("\n", "<br>")
