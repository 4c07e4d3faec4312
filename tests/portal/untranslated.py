"""Finds texts of the portal's code that do not go through `t`, `tn` or `mark`, by reading its syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

TEXT_PLACES: Final[dict[str, tuple[set[int], set[str]]]] = {
    "Tag": ({1}, {"text", "aria_label", "title", "alt", "placeholder"}),
    "text": ({0}, set()),
    "section": ({0, 1}, {"about"}),
    "button": ({0}, {"why_not"}),
    "icon_button": ({1}, set()),
    "link_button": ({0}, set()),
    "write_button": ({1}, set()),
    "badge": ({0}, set()),
    "banner": ({1, 2, 3}, {"about", "action"}),
    "empty": ({1, 2, 3}, {"about", "action"}),
    "loading": ({0}, set()),
    "facts": ({0}, set()),
    "rows_of": ({0}, set()),
    "table": ({0, 1}, {"label"}),
    "tile": ({0, 2}, {"note"}),
    "meter": ({0, 2}, set()),
    "copy_button": ({1}, set()),
    "code": ({1}, set()),
    "hint": ({0}, set()),
    "choice": ({0, 1}, set()),
    "modal": ({0}, set()),
    "confirm": ({0, 1, 2}, set()),
    "confirming": ({0, 1, 2}, set()),
    "tell": ({0}, set()),
    "notify": ({0}, {"close_button"}),
    "act": ({2}, {"done"}),
    "edit": ({3}, {"done"}),
    "drop": ({1}, {"about"}),
    "picture": ({1}, set()),
    "input": ({0}, {"label", "placeholder"}),
    "textarea": ({0}, {"label", "placeholder"}),
    "number": ({0}, {"label"}),
    "select": ({0}, {"label"}),
    "radio": ({0}, set()),
    "checkbox": ({0}, set()),
    "switch": ({0}, set()),
    "tab": ({0}, set()),
    "expansion": ({0}, set()),
    "tooltip": ({0}, set()),
    "skip_link": ({0}, set()),
    "Page": ({1, 2, 3}, {"about"}),
    "Help": ({0}, set()),
    "Warned": ({1, 2, 3}, set()),
    "Advice": ({0, 1}, set()),
    "ManagementError": ({2}, set()),
    "SignInError": ({0}, set()),
}
"""Where functions that draw or say something take texts: positions, and names of keywords."""

NAMES: Final = frozenset({"Mien", "Allow", "Deny", "JSON", "curl", "bindings.toml"})
"""Words that are the same in every language."""

_TRANSLATES: Final = frozenset({"t", "tn", "mark"})
_SILENT: Final = frozenset(
    {"props", "classes", "style", "on", "note", "did", "ask", "value", "to", "link", "icon", "add_css", "add_head_html"}
    | {"run_javascript", "set_source", "compile", "sub", "partition", "rpartition", "startswith", "endswith", "replace"}
    | {"encode", "split", "get", "getattr", "substitute", "Path", "Template", "RuntimeError", "get_logger", "cast"}
    | {"debug", "info", "warning", "error", "exception", "keyed_hash", "MetricQuestion", "ValueSigner"}
)
"""Calls whose texts nobody reads on a page."""
_QUIET_KEYWORDS: Final = frozenset({"style", "classes", "role", "type", "js_handler", "image", "kind", "href", "src"})
_NO_TEXTS: Final = re.compile(r"[a-z0-9_.:\-/ ]*[<{=(;>]|/|https?:|export |# pip |e\.prevent|[a-z0-9_.\-/*]*$")
"""What is plainly no sentence: markup, scripts, addresses, identifiers."""
_SENTENCE: Final = re.compile(r"[A-Za-z]{2,},? [A-Za-z(]{2,}|^[A-Z][a-z]{2,}")


def untranslated(code: str) -> list[tuple[int, str]]:
    """Return line and text of each that reaches a page as it is; `# not translated: …` excepts a line."""
    lines = code.splitlines()
    finder = _Finder()
    finder.visit(ast.parse(code))
    return sorted({one for one in finder.found if "# not translated" not in lines[one[0] - 1]})


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        constant = isinstance(node.value, ast.Constant | ast.JoinedStr)
        scripts = any(isinstance(one, ast.Name) and one.id.isupper() for one in node.targets)
        exported = any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
        if not exported and not (constant and scripts and _is_code(_literal(node.value) or "")):
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and not _is_code(_literal(node.value) or ""):
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        for one in (node.left, *node.comparators):
            if _literal(one) is None and not isinstance(one, ast.Set | ast.Tuple):
                self.visit(one)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        for one in node.values:
            self.visit(one)

    def visit_Raise(self, node: ast.Raise) -> None:
        own = isinstance(node.exc, ast.Call) and _name(node.exc.func) in TEXT_PLACES
        if own and node.exc is not None:
            self.visit(node.exc)

    def visit_Call(self, node: ast.Call) -> None:
        name, arguments = _name(node.func), node.args
        if name in _TRANSLATES:
            for keyword in node.keywords:
                self.visit(keyword.value)
            return
        if name == "partial" and arguments:
            name, arguments = _name(arguments[0]), arguments[1:]
        self.visit(node.func)
        places, keywords = TEXT_PLACES.get(name, (set(), set()))
        known = name in TEXT_PLACES or name in _SILENT
        for place, one in enumerate(arguments):
            if place in places:
                self._demand(one)
            if _literal(one) is None or not known:
                self.visit(one)
        for keyword in node.keywords:
            if keyword.arg in keywords:
                self._demand(keyword.value)
            if _literal(keyword.value) is None or not (known or keyword.arg in _QUIET_KEYWORDS):
                self.visit(keyword.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and not _NO_TEXTS.match(node.value) and _SENTENCE.search(node.value):
            self._note(node, node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        said = _literal(node) or ""
        if not _NO_TEXTS.match(said) and _SENTENCE.search(said):
            self._note(node, said)
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.visit(one.value)

    def _demand(self, node: ast.expr) -> None:
        """Look at what is drawn: no word may stand there as it is."""
        said = _literal(node)
        if said is not None:
            if re.search(r"[A-Za-z]{2,}", said) and said not in NAMES and not said.startswith(("/", "http", "export ")):
                self._note(node, said)
            return
        for one in _parts(node):
            self._demand(one)

    def _note(self, node: ast.expr, said: str) -> None:
        if said not in NAMES:
            self.found.append((node.lineno, said))


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Tuple(elts=[first, *_]) | ast.Starred(value=first):
            yield first
        case ast.List(elts=elements):
            yield from elements
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            yield from (one, other)
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            yield from values


def _literal(node: ast.expr) -> str | None:
    """Return the words of a constant or of the constant parts of an f-string; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "\N{SYMBOL FOR NULL}".join(str(one.value) for one in node.values if isinstance(one, ast.Constant))
    return None


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_code(said: str) -> bool:
    return any(mark in said for mark in ("=>", "</", "<svg", "function", "$"))
