"""The skeleton of a page before its scripts are loaded: on a slow network scripts take many seconds, the title one.

The library draws pages by scripts, and its template has style sheets that keep browsers from painting and, after a
second, words that the browser is too old. Here the page's title and a skeleton are in the HTML itself, in our own
styles; they are gone when the library has drawn the page.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from starlette.responses import Response

from mien.portal.texts import t

_IMPORTS: Final = re.compile(r"^\s*@import url\([^)]*\) layer\(\w+\);\n", re.MULTILINE)
_BONES: Final = '<span class="bone"></span>' * 3


def early(title: str, theme: str | None) -> str:
    """Return the HTML of a page that is on its way.

    Args:
        title: title of the page.
        theme: `light`, `dark`, or None for what the browser prefers.
    """
    loading = escape(t("Loading …"))
    return (
        f'<div id="mien-early" class="{theme or "auto"}" role="status"><div class="page waiting">'
        f'<p class="title">{escape(title)}</p><span class="soft small">{loading}</span>{_BONES}</div></div>'
    )


def paint_early(response: Response) -> Response:
    """Return the library's page with style sheets that no longer keep browsers from painting; they load meanwhile.

    The order of their layers is stated before, so it stays. A template without such sheets stays as it is.
    """
    page = bytes(response.body).decode()
    sheets = "".join(_IMPORTS.findall(page))
    if sheets:
        later = f'<style media="print" onload="this.media=\'all\'">\n{sheets}</style>\n    <script type="importmap">'
        page = _IMPORTS.sub("", page).replace('<script type="importmap">', later, 1)
        response.body = page.encode()
        response.headers["content-length"] = str(len(response.body))
    return response
