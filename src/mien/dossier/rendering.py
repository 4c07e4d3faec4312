"""Writes a paper of a dossier as printable HTML and as PDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mien.dossier.errors import DossierNotFoundError
from mien.dossier.facts import Fact
from mien.dossier.wording import Texts, read_texts
from mien.evaluation.document import Block, Document, Footnote, Heading, Text, to_html, to_pdf


def paper_html(content: Mapping[str, Any], paper: str) -> str:
    """Return a paper as one HTML file.

    Raises:
        DossierNotFoundError: the dossier has no such paper.
    """
    return to_html(document(content, paper))


def paper_pdf(content: Mapping[str, Any], paper: str, *, font: Path | None = None) -> bytes:
    """Return a paper as PDF.

    Raises:
        DossierNotFoundError: the dossier has no such paper.
        NoPdfError: the package that writes PDF is not installed.
    """
    return to_pdf(document(content, paper), font=font, created=datetime.fromisoformat(content["createdAt"]))


def document(content: Mapping[str, Any], paper: str) -> Document:
    """Return a paper as a document.

    Raises:
        DossierNotFoundError: the dossier has no such paper.
    """
    found = next((one for one in content["papers"] if one["id"] == paper), None)
    if found is None:
        raise DossierNotFoundError(paper)
    texts = read_texts(paper, content["language"])
    words, short = texts.words, content["dossier"][:8]
    subtitle = words["subtitle"].format(
        resource=content["resource"]["name"],
        moment=texts.moment(content["createdAt"]),
        dossier=content["dossier"],
        actor=content["createdBy"],
    )
    return Document(
        title=found["title"],
        subtitle=f"{found['basis']} · {subtitle}",
        footer=f"{words['draft']} · {found['title']} · {content['resource']['name']} · {short}",
        blocks=tuple(_blocks(content, found, texts)),
        language=content["language"],
    )


def _blocks(content: Mapping[str, Any], paper: Mapping[str, Any], texts: Texts) -> Iterator[Block]:
    words = texts.words
    facts = {one["name"]: Fact.from_json(one) for one in content["facts"]}
    numbers: dict[str, int] = {}
    yield Text(words["draft"].upper(), marked=True)
    yield Text(words["intro"], note=True)
    for section in paper["sections"]:
        yield Heading(section["heading"])
        for item in section["items"]:
            if item["kind"] == "question":
                yield Text(f"{words['question']}: {item['text']}", marked=True)
                if item["answer"] is not None:
                    yield Text(f"{words['answer']}: {item['answer']}")
                continue
            marks = tuple(numbers.setdefault(name, len(numbers) + 1) for name in item["facts"])
            yield Text(item["text"], notes=marks)
    yield Heading(words["evidence"])
    yield Text(words["evidence_about"], note=True)
    for name, number in numbers.items():
        yield Footnote(number, _evidence(facts[name], texts))
    yield Text(words["signature"].format(file=f"{paper['id']}.html"), note=True)


def _evidence(fact: Fact, texts: Texts) -> str:
    value = texts.value(fact.value, "rules" if fact.name == "retention_rules" else "")
    said = f"{texts.words[fact.source.value]} {fact.where} = {value} ({texts.moment(fact.read_at)})"
    if fact.entry is None:
        return said
    entry = fact.entry
    set_by = texts.words["entry"].format(
        sequence=entry.sequence,
        action=entry.action,
        actor=entry.actor,
        moment=texts.moment(entry.at),
        hash=f"{entry.hash[:21]}…",
    )
    return f"{said}; {set_by}"
