"""The documentation of the installed version, in English, available offline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from nicegui import ui

from mien.management.roles import Permission
from mien.portal.frame import Page
from mien.portal.help import DOCUMENTATION, Help, documentation
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, base_path, empty

_NAME: Final = re.compile(r"[a-z0-9-]{1,60}")
_LINK: Final = re.compile(r"\]\(([a-z0-9-]+)\.md(#[^)\s]*)?\)")
_ELSEWHERE: Final = re.compile(r"\[([^\]]+)\]\((?!https?:|/|#)[^)]*\)")
_TREE: Final = re.compile(r"```\{toctree\}\n(?P<options>(?::.*\n)*)(?P<pages>(?:[a-z0-9-]+\n)+)```")
_CAPTION: Final = re.compile(r":caption: (.+)")
_EXTRAS: Final = ["fenced-code-blocks", "tables", "header-ids"]


async def render(visitor: Visitor) -> None:
    """Render a page of the documentation."""
    name = visitor.query.get("page", "")
    text = await visitor.ask(lambda: _read(name))
    if text is None:
        empty("menu_book", t("There is no such page"), action=(t("All pages"), visitor.link(f"{DOCUMENTATION}/index")))
        return
    Tag("a", t("All pages"), href=visitor.link(f"{DOCUMENTATION}/index"))
    with Tag("article", classes="card documentation", lang="en"):
        ui.markdown(_for_portal(text, visitor), extras=_EXTRAS, sanitize=False)  # our own files


def _read(name: str) -> str | None:
    folder = documentation()
    if folder is None or _NAME.fullmatch(name) is None:
        return None
    path: Path = folder / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _for_portal(text: str, visitor: Visitor) -> str:
    """Return a page with links to the portal's pages, and headings one level lower."""

    def address(name: str, heading: str = "") -> str:
        return f"{base_path()}{visitor.link(f'{DOCUMENTATION}/{name}')}{heading}"

    def tree(found: re.Match[str]) -> str:
        caption = _CAPTION.search(found["options"])
        lines = [f"- [{_title(name)}]({address(name)})" for name in found["pages"].split()]
        return "\n".join(([f"## {caption[1]}", ""] if caption else []) + lines) + "\n"

    text = _TREE.sub(tree, text)
    text = _LINK.sub(lambda found: f"]({address(found[1], found[2] or '')})", text)
    text = _ELSEWHERE.sub(r"\1", text)  # files of the repository that are not in the portal
    code = False
    lines = []
    for line in text.splitlines():
        code = code != line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not code else line)
    return "\n".join(lines)


def _title(name: str) -> str:
    text = _read(name) or ""
    return text.partition("\n")[0].removeprefix("# ") or name


PAGE = Page(
    f"{DOCUMENTATION}/{{page}}",
    mark("Documentation"),
    mark("How this version of the server is used and run; in English."),
    mark("Server"),
    "menu_book",
    render,
    needs_resource=False,
    listed=False,
    needs=Permission.SEE,
    for_everybody=True,
    help=Help(mark("The documentation of this version of the server. It needs no internet."), "index.md"),
)
