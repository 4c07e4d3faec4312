"""Shows the title and a skeleton of a page before its scripts are loaded, which takes seconds on a slow network.

The library draws pages with scripts; its template has style sheets that block rendering and, after a second, a message
that the browser is too old. The skeleton is plain HTML with our styles, and is removed when the page is drawn.
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
    """Return the HTML of the skeleton.

    Args:
        title: title of the page.
        theme: `light`, `dark`, or None for the browser's preference.
    """
    loading = escape(t("Loading …"))
    return (
        f'<div id="mien-early" class="{theme or "auto"}" role="status"><div class="page waiting">'
        f'<p class="title">{escape(title)}</p><span class="soft small">{loading}</span>{_BONES}</div></div>'
    )


def unblock_rendering(response: Response) -> Response:
    """Return the library's page with style sheets that do not block rendering; any other page is not changed.

    The order of their layers is declared first, so that it does not change.
    """
    page = bytes(response.body).decode()
    sheets = "".join(_IMPORTS.findall(page))
    if sheets:
        later = f'<style media="print" onload="this.media=\'all\'">\n{sheets}</style>\n    <script type="importmap">'
        page = _IMPORTS.sub("", page).replace('<script type="importmap">', later, 1)
        response.body = page.encode()
        response.headers["content-length"] = str(len(response.body))
    return response
