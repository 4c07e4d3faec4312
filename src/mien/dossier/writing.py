"""Writes the content of a dossier as JSON, to be signed and stored: facts, and papers of statements and questions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mien.accounts import Resource
from mien.dossier.errors import DossierError
from mien.dossier.facts import Facts
from mien.dossier.papers import PAPERS, Paper, Question, Statement
from mien.dossier.wording import LANGUAGES, Texts, read_texts

TYPE: Final = "mien-dossier-1"
LONGEST_ANSWER: Final = 4000

Answers = Mapping[str, str]
"""The operator's answers, by the key of the question: shared (`controller`) or of one paper (`dpia.risks`)."""


def write(
    facts: Facts,
    resource: Resource,
    *,
    dossier_id: UUID,
    language: str,
    answers: Answers,
    actor: str,
    at: datetime,
) -> dict[str, Any]:
    """Return a dossier's content.

    Args:
        facts: the collected facts.
        resource: the resource.
        dossier_id: id of the dossier.
        language: `en` or `de`.
        answers: the operator's answers.
        actor: name of the creator.
        at: the time.

    Raises:
        DossierError: the language is unknown, an answer has no question, or an answer is too long.
    """
    if language not in LANGUAGES:
        raise DossierError("the language must be one of {languages}", languages=", ".join(LANGUAGES))
    _check(answers)
    papers = [_paper(paper, facts, read_texts(paper.id, language), answers) for paper in PAPERS.values()]
    used = {name for paper in papers for section in paper["sections"] for item in section["items"]
            for name in item["facts"]}  # fmt: skip
    return {
        "type": TYPE,
        "dossier": str(dossier_id),
        "resource": {"id": str(resource.id), "name": resource.name},
        "language": language,
        "createdAt": at.isoformat(timespec="seconds"),
        "createdBy": actor,
        "version": facts.value("version"),
        "draft": read_texts("dpia", language).words["draft"],
        "facts": [facts[name].to_json() for name in facts if name in used],
        "papers": papers,
    }


def _paper(paper: Paper, facts: Facts, texts: Texts, answers: Answers) -> dict[str, Any]:
    sections = []
    for section in paper.sections:
        items = [made for item in section.items if (made := _item(paper.id, item, facts, texts, answers)) is not None]
        sections.append({"key": section.key, "heading": texts.sections[section.key], "items": items})
    return {"id": paper.id, "title": texts.title, "basis": texts.basis, "sections": sections}


def _item(
    paper: str, item: Statement | Question, facts: Facts, texts: Texts, answers: Answers
) -> dict[str, Any] | None:
    if isinstance(item, Question):
        if not item.when(facts):
            return None
        answer = answers.get(f"{paper}.{item.key}", answers.get(item.key))
        return {"kind": "question", "key": item.key, "variant": "", "text": texts.questions[item.key],
                "answer": answer, "facts": []}  # fmt: skip
    variant = item.choose(facts)
    if variant is None:
        return None
    text = texts.statement(item.key, variant, facts, item.facts)
    return {"kind": "statement", "key": item.key, "variant": variant, "text": text, "answer": None,
            "facts": list(item.facts)}  # fmt: skip


def question_keys() -> set[str]:
    """Return every key that an answer may have."""
    asked = [
        (paper.id, item.key)
        for paper in PAPERS.values()
        for section in paper.sections
        for item in section.items
        if isinstance(item, Question)
    ]
    return {key for _, key in asked} | {f"{paper}.{key}" for paper, key in asked}


def _check(answers: Answers) -> None:
    known = question_keys()
    for key, answer in answers.items():
        if key not in known:
            raise DossierError(
                "there is no question {key!r}; there are {known}", key=key[:60], known=", ".join(sorted(known))
            )
        if not answer.strip() or len(answer) > LONGEST_ANSWER:
            raise DossierError("the answer to {key!r} must have 1 to {most} characters", key=key, most=LONGEST_ANSWER)
