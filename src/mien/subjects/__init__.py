"""Data-subject rights of enrolled people: search, export, erasure, and receipts.

Consents say on what ground somebody is enrolled, rules of retention for how long. `open_subjects` puts the tools
together on a gallery and the liveness sessions; command line, control plane and portal call the same ones.
"""

from mien.subjects.consents import Consent, Consents, ConsentState
from mien.subjects.erasing import Erased, KnownReceipt
from mien.subjects.errors import (
    ConsentNotFoundError,
    InvalidReceiptError,
    InvalidSubjectError,
    ReceiptNotFoundError,
    RuleNotFoundError,
    SubjectError,
    UnfinishedError,
)
from mien.subjects.receipts import Receipts, Verified
from mien.subjects.rules import Ran, Rule, Rules, What
from mien.subjects.service import Subjects, open_subjects
from mien.subjects.types import Certainty, Found, HeldFace, HeldProbe, HeldSession, Holding, NotSearched, Whom

__all__ = [
    "Certainty",
    "Consent",
    "ConsentNotFoundError",
    "ConsentState",
    "Consents",
    "Erased",
    "Found",
    "HeldFace",
    "HeldProbe",
    "HeldSession",
    "Holding",
    "InvalidReceiptError",
    "InvalidSubjectError",
    "KnownReceipt",
    "NotSearched",
    "Ran",
    "ReceiptNotFoundError",
    "Receipts",
    "Rule",
    "RuleNotFoundError",
    "Rules",
    "SubjectError",
    "Subjects",
    "UnfinishedError",
    "Verified",
    "What",
    "Whom",
    "open_subjects",
]
