"""The roles that a token can have here: Azure's for the data plane, Mien's for the control plane."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class DataRole(StrEnum):
    """Azure's built-in roles for calling a resource."""

    FACE_RECOGNIZER = "Cognitive Services Face Recognizer"
    USER = "Cognitive Services User"
    DATA_CONTRIBUTOR = "Cognitive Services Data Contributor"
    CONTRIBUTOR = "Cognitive Services Contributor"


class AdminRole(StrEnum):
    """Roles for the control plane and the portal, strongest first; `mien.management.roles` says what each may do."""

    OWNER = "Mien.Owner"
    ADMIN = "Mien.Admin"
    OPERATOR = "Mien.Operator"
    APPROVER = "Mien.Approver"
    REVIEWER = "Mien.Reviewer"
    READER = "Mien.Reader"
    ENROLLER = "Mien.Enroller"
    AUDITOR = "Mien.Auditor"


ROLE_NAMES: Final = (*(role.value for role in DataRole), *(role.value for role in AdminRole))
"""Every role that can be assigned."""
