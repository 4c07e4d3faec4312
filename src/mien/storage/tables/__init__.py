"""All tables, a module a subject. Importing this package fills `Base.metadata`, which migrations are compared with."""

from mien.storage.tables.accounts import AccessRequestRow, AccountsVersionRow, KeyRow, ResourceRow, RoleAssignmentRow
from mien.storage.tables.claims import ClaimRow, SchemaStateRow
from mien.storage.tables.crypto import DataKeyRow
from mien.storage.tables.directory import (
    DynamicGroupMemberRow,
    DynamicGroupRow,
    OperationRow,
    TransferRow,
    TransferUseRow,
)
from mien.storage.tables.doors import (
    CameraRow,
    DoorAcceptanceRow,
    DoorBadgeRow,
    DoorCursorRow,
    DoorEventRow,
    DoorHolidayRow,
    DoorKioskRow,
    DoorPresenceRow,
    DoorRow,
    DoorRuleRow,
    DoorVisitorRow,
)
from mien.storage.tables.evaluations import AppliedCalibrationRow, EvaluationRow
from mien.storage.tables.events import AlertDeliveryRow, AlertRuleRow, AuditHeadRow, AuditRow, CallRow, GaugeRow
from mien.storage.tables.faces import DetectedFaceRow
from mien.storage.tables.gallery import (
    CollectionRow,
    CorrectionRow,
    CropRow,
    DuplicateRow,
    EnrolmentPolicyRow,
    PersistedFaceRow,
    PersonRow,
    RemovalRow,
    TrainingRunRow,
)
from mien.storage.tables.liveness import (
    LivenessAttemptRow,
    LivenessFrameRow,
    LivenessImageRow,
    LivenessSessionRow,
    LivenessSettingsRow,
    LivenessStrikeRow,
    SigningKeyRow,
)
from mien.storage.tables.management import AdminTokenRow, ArmGroupRow, ArmRow, PortalSessionRow, SubscriptionTermsRow
from mien.storage.tables.model_migrations import ModelMigrationRow, OtherTemplateRow
from mien.storage.tables.reviews import ReviewAnswerRow, ReviewCandidateRow, ReviewCaseRow, ReviewPolicyRow
from mien.storage.tables.subjects import ConsentRow, ErasureRow, ReceiptKeyRow, RetentionRuleRow
from mien.storage.tables.volume import CallVolumeRow

__all__ = [
    "AccessRequestRow",
    "AccountsVersionRow",
    "AdminTokenRow",
    "AlertDeliveryRow",
    "AlertRuleRow",
    "AppliedCalibrationRow",
    "ArmGroupRow",
    "ArmRow",
    "AuditHeadRow",
    "AuditRow",
    "CallRow",
    "CallVolumeRow",
    "CameraRow",
    "ClaimRow",
    "CollectionRow",
    "ConsentRow",
    "CorrectionRow",
    "CropRow",
    "DataKeyRow",
    "DetectedFaceRow",
    "DoorAcceptanceRow",
    "DoorBadgeRow",
    "DoorCursorRow",
    "DoorEventRow",
    "DoorHolidayRow",
    "DoorKioskRow",
    "DoorPresenceRow",
    "DoorRow",
    "DoorRuleRow",
    "DoorVisitorRow",
    "DuplicateRow",
    "DynamicGroupMemberRow",
    "DynamicGroupRow",
    "EnrolmentPolicyRow",
    "ErasureRow",
    "EvaluationRow",
    "GaugeRow",
    "KeyRow",
    "LivenessAttemptRow",
    "LivenessFrameRow",
    "LivenessImageRow",
    "LivenessSessionRow",
    "LivenessSettingsRow",
    "LivenessStrikeRow",
    "ModelMigrationRow",
    "OperationRow",
    "OtherTemplateRow",
    "PersistedFaceRow",
    "PersonRow",
    "PortalSessionRow",
    "ReceiptKeyRow",
    "RemovalRow",
    "ResourceRow",
    "RetentionRuleRow",
    "ReviewAnswerRow",
    "ReviewCandidateRow",
    "ReviewCaseRow",
    "ReviewPolicyRow",
    "RoleAssignmentRow",
    "SchemaStateRow",
    "SigningKeyRow",
    "SubscriptionTermsRow",
    "TrainingRunRow",
    "TransferRow",
    "TransferUseRow",
]
