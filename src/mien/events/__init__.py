"""What happened, and who is told: the audit log.

Example:
    ```
    audit = AuditLog(database, clock)
    audit.record(actor="cli:anna", action="key.regenerate", resource_id=resource.id, details={"key": 1})
    assert audit.verify().broken is None
    ```
"""

from mien.events.audit import AuditEntry, AuditLog, AuditValueError, Verification

__all__ = ["AuditEntry", "AuditLog", "AuditValueError", "Verification"]
