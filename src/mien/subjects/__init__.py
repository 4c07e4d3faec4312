"""Data-subject rights of enrolled people: search, export, erasure, and receipts.

Consents record the legal basis of an enrolment, retention rules its duration. `open_subjects` creates the services on a
gallery and the liveness sessions; command line, control plane and portal use the same ones.
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
from mien.subjects.receipts import Receipts, VerifiedReceipt
from mien.subjects.rules import Ran, RetentionRule, Rules, What
from mien.subjects.service import Subjects, open_subjects
from mien.subjects.types import Certainty, HeldFace, HeldProbe, HeldSession, Holding, NotSearched, SubjectData, Whom

__all__ = [
    "Certainty",
    "Consent",
    "ConsentNotFoundError",
    "ConsentState",
    "Consents",
    "Erased",
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
    "RetentionRule",
    "RuleNotFoundError",
    "Rules",
    "SubjectData",
    "SubjectError",
    "Subjects",
    "UnfinishedError",
    "VerifiedReceipt",
    "What",
    "Whom",
    "open_subjects",
]
