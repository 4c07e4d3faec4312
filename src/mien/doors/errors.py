"""Errors of cameras and doors; the texts are written for the operator."""

from __future__ import annotations

from mien.messages import MessageError


class DoorsError(MessageError):
    """Base of the errors of this package."""


class InvalidDoorError(DoorsError):
    """A configuration is invalid."""


class NotConfiguredError(DoorsError):
    """There is no such camera, door, rule, visitor, badge, holiday or kiosk."""


class NameInUseError(DoorsError):
    """Another camera, door, rule or kiosk of the resource has the name, or the badge is registered already."""


class NoSuchPersonError(DoorsError):
    """There is no such person in the named group."""


class EventNotFoundError(DoorsError):
    """There is no such event, or it has no picture (any longer)."""
