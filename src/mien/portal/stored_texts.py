"""Translations of texts that services store in English, or say as plain text.

They are notes of doors, outcomes of alerts, ends of trainings, faults of the audit log, problems of cameras, and why
photos have no template.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import Final

from mien.portal.texts import mark, said, t

STORED: Final = (
    # notes of a door's actuator
    mark("another process took the door over"),
    mark("it was too late"),
    mark("its time is ahead of the clock, so its age is not known"),
    mark("the claim of the door or the decision ran out before the actuator was told"),
    mark("the door has no actuator"),
    mark("the MQTT broker is not connected"),
    mark("it was too late to publish"),
    mark("the server has no MQTT broker: set MIEN_MQTT_URL"),
    mark("the MQTT broker did not confirm in time"),
    mark("the broker took the command"),
    mark("OSDP needs libosdp: install mien[video]"),
    mark("the person has no badge number that the panel could be told"),
    mark("the panel is not connected through the secure channel"),
    mark("the panel did not fetch the card number in time"),
    mark("the panel did not take the card number"),
    mark("the panel did not confirm that the card number reached it"),
    mark("it was too late to send the request"),
    mark("the relay did not answer in time"),
    mark("the relay could not be reached"),
    # lights of a reader
    mark("off"),
    mark("red"),
    mark("green"),
    mark("amber"),
    mark("blue"),
    mark("magenta"),
    mark("cyan"),
    mark("white"),
    # faults of the audit log
    mark("its hash is not the one that was sealed"),
    mark("the last entries are missing"),
    mark("the seal of the log's end is missing"),
    mark("the seal of the log's end was changed"),
    mark("it was not written with the key, as entries before it were"),
    mark("its contents do not have its hash"),
    mark("it does not follow the entry before it"),
    mark("its hash is not the one that was noted"),
    # outcomes of alerts
    mark("the rule has no webhook"),
    mark("the receiver did not answer in time"),
    mark("its certificate is not valid"),
    mark("the connection failed"),
    # addresses of relays and webhooks
    mark("The URL has a backslash or a control character in it."),
    mark("The URL must begin with http:// or https://."),
    mark("The URL names no host."),
    mark("The name of the server was not resolved in time."),
    mark("is not an IP address"),
    # model packs that people added
    mark("not stated"),
    mark("see the user's own terms"),
)
"""Texts without values."""

FORMS: Final = (
    mark("the relay answered with status {value}"),
    mark("the MQTT broker did not confirm: {value}"),
    mark("the panel took the card number; its light is {value}"),
    mark("the port {value} cannot be opened: {reason}"),
    mark("{value} is no serial port: {reason}"),
    mark("the receiver answered with status {value}"),
    mark("the receiver could not be reached: {reason}"),
    mark("entry {value} is missing"),
    mark("Migrated to {value}."),
    mark("The URL must have 1 to {value} characters."),
    mark("The URL is malformed: {reason}."),
    mark("Port {value} is not fetched from."),
    mark("The address of {value} {reason}."),
    mark("is private ({setting}=true allows it)"),
    mark("is link-local, where cloud metadata lives ({setting} can list it)"),
    mark("is reserved ({setting} can list it)"),
    mark("stands for an IPv4 address that {reason}"),
    mark(
        "The name {host} has no address that may be connected to: it does not exist, or leads to a private or "
        "reserved network ({private} and {networks} say which are allowed)."
    ),
    mark("{file}, added by hand, {dimensions} dimensions"),
    mark("see the packs {value} and {other}"),
)
"""Texts with values. Only a `reason` and a `file` have blanks; a reason may be a text of this module itself."""

_WITH_BLANKS: Final = frozenset({"reason", "file"})


def _pattern(form: str) -> str:
    pattern, known = "", set()
    for text, name, _, _ in Formatter().parse(form):
        pattern += re.escape(text)
        if name in known:
            pattern += f"(?P={name})"
        elif name:
            pattern += f"(?P<{name}>{'.+' if name in _WITH_BLANKS else '[^ ]+'})"
            known.add(name)
    return pattern


_FORMS: Final = tuple((re.compile(_pattern(form)), form) for form in FORMS)


def said_stored(text: str) -> str:
    """Return a stored text in the visitor's language; texts of the system or of libraries are not translated."""
    told = said(text)
    if told != text:
        return told
    for pattern, form in _FORMS:
        if found := pattern.fullmatch(text):
            return t(form, **{name: said_stored(value) for name, value in found.groupdict().items()})
    return t(text)
