"""Drafts of compliance documents ("papers"), generated from the running configuration and its audit log.

`gathering` collects facts, `papers` selects statements by them, `wording` has the texts (one file per paper and
language), `service` signs and stores the dossier, `comparison` compares two, `rendering` writes HTML and PDF. Every
statement is based on facts; where a fact is missing, there is a question to the operator instead.
"""

from mien.dossier.comparison import Change, compare
from mien.dossier.errors import DossierError, DossierNotFoundError, InvalidDossierError
from mien.dossier.papers import PAPERS, Paper
from mien.dossier.service import Dossier, Dossiers
from mien.dossier.wording import LANGUAGES

__all__ = [
    "LANGUAGES",
    "PAPERS",
    "Change",
    "Dossier",
    "DossierError",
    "DossierNotFoundError",
    "Dossiers",
    "InvalidDossierError",
    "Paper",
    "compare",
]
