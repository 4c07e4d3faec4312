"""The papers that an operator owes: drafts made from the running configuration and its audit log.

Facts are gathered (`gathering`), sentences are chosen by them (`papers`), worded in a language (`wording`, one file of
texts for each paper and language), signed and stored (`service`), compared (`comparison`) and written as HTML and PDF
(`rendering`). A sentence without a fact that it rests on cannot be written: it is a question to the operator.
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
