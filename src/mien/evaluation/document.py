"""Documents of headings, paragraphs, tables and charts, written as printable HTML and as PDF.

PDF needs `fpdf2` (`pip install 'mien[evaluation]'`). Its built-in fonts have the letters of Western European languages;
other letters need a TrueType font.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.messages import MessageError

if TYPE_CHECKING:
    from fpdf import FPDF

_CSS: Final = """
@page { size: A4; margin: 18mm 16mm; }
body { font: 11pt/1.45 Helvetica, Arial, sans-serif; color: #1d252b; max-width: 46rem;
  margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 20pt; margin: 0 0 .2rem; } h2 { font-size: 14pt; margin: 1.6rem 0 .4rem; break-after: avoid; }
h3 { font-size: 11.5pt; margin: 1rem 0 .3rem; break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: 9.5pt; }
th, td { border-bottom: 1px solid #c9d2d9; padding: .25rem .4rem; text-align: left; vertical-align: top; }
tr { break-inside: avoid; } .wide { overflow-x: auto; } figure { margin: .6rem 0; break-inside: avoid; }
svg { max-width: 100%; height: auto; } figcaption, .note { color: #55626c; font-size: 9.5pt; }
.break { break-before: page; } .mark { border-left: 4px solid #c2570c; padding-left: .6rem; }
p { break-inside: avoid; overflow-wrap: anywhere; } p a { color: inherit; font-size: .8em; text-decoration: none; }
.sheet, .sheet > tbody > tr > td, .sheet > tfoot > tr > td { border: 0; padding: 0; margin: 0; font-size: inherit; }
.sheet > tbody > tr { break-inside: auto; } .sheet > tfoot > tr > td { padding-top: .8rem; text-align: center;
  color: #55626c; font-size: 9.5pt; }
"""


class NoPdfError(MessageError):
    """The package that writes PDF is not installed."""

    def __init__(self) -> None:
        super().__init__("writing PDF needs the package fpdf2: pip install 'mien[evaluation]'")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: level 2 or 3."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `marked` emphasises it, `note` makes it small. `notes` are the numbers of its footnotes."""

    text: str
    marked: bool = False
    note: bool = False
    notes: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Footnote:
    """A footnote, to which texts refer by its number."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns and rows of texts; `widths` are relative."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG chart and its description."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class PageBreak:
    """A page break."""


Block = Heading | Text | Footnote | Table | Chart | PageBreak


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        title: main heading.
        subtitle: line below the heading.
        footer: footer of every page.
        blocks: the content.
        language: language tag of the texts, as in HTML.
    """

    title: str
    subtitle: str
    footer: str
    blocks: Sequence[Block] = field(default_factory=tuple)
    language: str = "en"


def to_html(document: Document) -> str:
    """Write a document as one HTML file, without external resources."""
    parts = [
        f'<!doctype html><html lang="{escape(document.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(document.title)}</title>'
        f"<style>{_CSS}</style></head><body>"
        # Browsers print a table's footer on every page.
        f'<table class="sheet" role="presentation"><tfoot><tr><td>{escape(document.footer)}</td></tr></tfoot><tbody>'
        f"<tr><td><h1>{escape(document.title)}</h1>"
        f'<p class="note">{escape(document.subtitle)}</p>'
    ]
    breaks = ""
    for block in document.blocks:
        if isinstance(block, PageBreak):
            breaks = ' class="break"'
            continue
        parts.append(_html(block, breaks))
        breaks = ""
    parts.append("</td></tr></tbody></table></body></html>")
    return "".join(parts)


def _html(block: Block, breaks: str) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}{breaks}>{escape(text)}</h{level}>"
        case Text(text, marked, note, notes):
            kind = "mark" if marked else "note" if note else ""
            links = "".join(f' <a href="#note-{one}">[{one}]</a>' for one in notes)
            body = f"{escape(text)}{links}</p>"
            return f'<p class="{kind}">{body}' if kind else f"<p{breaks}>{body}"
        case Footnote(number, text):
            return f'<p class="note" id="note-{number}">[{number}] {escape(text)}</p>'
        case Table(columns, rows, _):
            head = "".join(f"<th>{escape(name)}</th>" for name in columns)
            body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        case Chart(svg, caption):
            return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        case PageBreak():
            return ""


def to_pdf(document: Document, *, font: Path | None = None, created: datetime | None = None) -> bytes:
    """Write a document as PDF, A4.

    Args:
        document: the document to write.
        font: a TrueType font, for letters that the built-in fonts do not have.
        created: creation time in the file; None for now. With a fixed time, the output is reproducible.

    Raises:
        NoPdfError: the package that writes PDF is not installed.
    """
    try:
        from fpdf import FPDF  # noqa: PLC0415  an extra
    except ImportError as error:
        raise NoPdfError from error
    footer = _letters(document.footer, font)

    class Sheet(FPDF):
        def footer(self) -> None:
            self.set_y(-14)
            self.set_font(family, size=8)
            self.set_text_color(85, 98, 108)
            self.cell(0, 5, f"{footer}   {self.page_no()}", align="C")
            self.set_text_color(29, 37, 43)

    sheet = Sheet(format="A4")
    family = "helvetica"
    if font is not None:
        family = "own"
        for style in ("", "B"):
            sheet.add_font(family, style, str(font))
    sheet.set_margins(16, 16)
    sheet.set_auto_page_break(True, margin=20)
    sheet.set_lang(document.language)
    sheet.set_title(document.title)
    if created is not None:
        sheet.set_creation_date(created)
    sheet.add_page()
    _line(sheet, family, _letters(document.title, font), size=18, bold=True)
    _line(sheet, family, _letters(document.subtitle, font), size=9)
    sheet.ln(2)
    for block in document.blocks:
        _draw(sheet, family, block, font)
    return bytes(sheet.output())


def _draw(sheet: FPDF, family: str, block: Block, font: Path | None) -> None:
    match block:
        case PageBreak():
            sheet.add_page()
        case Heading(text, level):
            if sheet.will_page_break(30):
                sheet.add_page()
            sheet.ln(3)
            _line(sheet, family, _letters(text, font), size=13 if level == 2 else 11, bold=True)
        case Text(text, marked, note, notes):
            marks = "".join(f" [{one}]" for one in notes)
            _line(sheet, family, _letters(text + marks, font), size=9 if note else 10, bold=marked)
            sheet.ln(1)
        case Footnote(number, text):
            _line(sheet, family, _letters(f"[{number}] {text}", font), size=8)
            sheet.ln(0.5)
        case Table():
            _table(sheet, family, block, font)
        case Chart(svg, caption):
            if sheet.will_page_break(95):
                sheet.add_page()
            # fpdf2's SVG parser does not support these attributes.
            plain = re.sub(r' (?:role|aria-label|class)="[^"]*"', "", svg)
            sheet.image(BytesIO(_letters(plain, font).encode("utf-8")), w=140, alt_text=_letters(caption, font))
            _line(sheet, family, _letters(caption, font), size=9)
            sheet.ln(2)


def _table(sheet: FPDF, family: str, table: Table, font: Path | None) -> None:
    sheet.set_font(family, size=8.5)
    widths: Any = tuple(table.widths) or None
    with sheet.table(
        col_widths=widths, text_align="LEFT", line_height=4.6, padding=0.8, borders_layout="HORIZONTAL_LINES"
    ) as made:
        for cells in (table.columns, *table.rows):
            row = made.row()
            for cell in cells:
                row.cell(_letters(cell, font) or " ")
    sheet.ln(2)


def _line(sheet: FPDF, family: str, text: str, *, size: float, bold: bool = False) -> None:
    sheet.set_font(family, "B" if bold else "", size)
    sheet.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT", align="L")


_PLAIN: Final = str.maketrans({"–": "-", "—": "-", "“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "…": "...",
                               "≥": ">=", "≤": "<=", "→": "->", "\u00a0": " "})  # fmt: skip


def _letters(text: str, font: Path | None) -> str:
    """Replace letters that the built-in fonts do not have."""
    return text if font is not None else text.translate(_PLAIN).encode("latin-1", "replace").decode("latin-1")
