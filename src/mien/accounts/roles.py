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
    """Roles for the control plane and the portal, strongest first."""

    ADMIN = "Mien.Admin"
    APPROVER = "Mien.Approver"
    READER = "Mien.Reader"


ROLE_NAMES: Final = (*(role.value for role in DataRole), *(role.value for role in AdminRole))
"""Every role that can be assigned."""
