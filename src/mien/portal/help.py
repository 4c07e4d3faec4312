"""The help of pages: purpose, explained terms, and a link to the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import mien
from mien.portal.texts import mark, t

DOCUMENTATION: Final = "/documentation"
"""Path below which the portal shows the documentation."""

_HERE: Final = Path(mien.__file__).parent


class Term(Enum):
    """A term of the field, with a sentence that explains it."""

    ANTI_PASSBACK = (mark("Anti-passback"), mark("A person who is inside already is not let in again."))
    CALIBRATION = (mark("Calibration"), mark("The curve that turns the similarity of two faces into a confidence."))
    CANDIDATE = (mark("Candidate"), mark("An enrolled person whom a search suggests, with a confidence."))
    CONFIDENCE = (mark("Confidence"), mark("How sure it is that two faces are of one person, from 0 to 1."))
    CORS = (mark("CORS"), mark("Browsers let scripts of other origins call the resource only if it allows them."))
    CROP = (mark("Crop"), mark("The picture of an enrolled face, stored encrypted and only if the policy says so."))
    DURESS = (mark("Silent alarm"), mark("The door opens as usual, and an alert says that the person was forced."))
    DYNAMIC_GROUP = (mark("Dynamic group"), mark("A set of persons of the directory; it needs no training."))
    FACE_ID = (mark("Face id"), mark("A short-lived name of a detected face, for calls that compare it."))
    FINGERPRINT = (
        mark("Fingerprint"),
        mark(
            "It identifies the weights that a template was computed with; templates of different weights are "
            "never compared."
        ),
    )
    FMR = (mark("FMR"), mark("False match rate: how often two different people are mistaken for one."))
    FNMR = (mark("FNMR"), mark("False non-match rate: how often two photos of one person are mistaken for two people."))
    FPIR = (mark("FPIR"), mark("False positive identification rate: how often a stranger is identified as somebody."))
    LANDMARK = (mark("Landmark"), mark("A named point of a face, such as the tip of the nose."))
    LIMITED_ACCESS = (mark("Limited access"), mark("Features that a reviewer approves before a resource may use them."))
    LIVENESS = (
        mark("Liveness"),
        mark("Whether a living person is before the camera, rather than a photo, a screen or a mask."),
    )
    MARGIN = (mark("Margin"), mark("How far the confidence of the best candidate is ahead of the second one's."))
    MODEL_PACK = (mark("Model pack"), mark("The weights of a network with their source, licence and checksum."))
    PERCENTILE = (mark("Percentile"), mark("If p95 is 200 ms, 95 of 100 calls were answered within 200 ms."))
    PROBE = (mark("Probe"), mark("The face that is searched for among the enrolled ones."))
    QUOTA = (mark("Quota"), mark("The number that the tier allows, such as of persons or of calls."))
    REQUEST_ID = (mark("Request id"), mark("It identifies a call in the answer's headers and in the server's log."))
    RESOURCE = (mark("Resource"), mark("An endpoint with its own keys, settings and people; applications call it."))
    ROLE = (mark("Role"), mark("The permissions of a person or program, on one resource or on the whole server."))
    TEMPLATE = (
        mark("Template"),
        mark("Numbers computed from a face, by which faces are compared; it is not a picture."),
    )
    THRESHOLD = (mark("Threshold"), mark("The value from which two faces count as one person."))
    TRAINING = (
        mark("Training"),
        mark("Builds the index that is searched; people added later are found after the next one."),
    )
    WEBHOOK = (mark("Webhook"), mark("An address that the server calls when an alert fires and when it clears."))
    ZONE = (mark("Zone"), mark("A part of the picture that is watched, or hidden before anything sees it."))

    @property
    def name_and_sentence(self) -> tuple[str, str]:
        """Return the term and its explanation in the language of the visitor."""
        name, sentence = self.value
        return t(name), t(sentence)


@dataclass(frozen=True, slots=True)
class Help:
    """The help of a page.

    Attributes:
        about: the purpose of the page, in one or two sentences marked for translation.
        docs: file of the documentation, optionally with a heading, such as `doors.md#rules`.
        terms: terms on the page that need an explanation.
    """

    about: str
    docs: str
    terms: tuple[Term, ...] = ()

    @property
    def path(self) -> str:
        """Path of the documentation page in the portal, without the heading."""
        return f"{DOCUMENTATION}/{self.docs.partition('#')[0].removesuffix('.md')}"

    @property
    def heading(self) -> str:
        """The heading with `#`; empty for the whole page."""
        _, mark_, heading = self.docs.partition("#")
        return mark_ + heading


def documentation() -> Path | None:
    """Return the folder of the documentation, in the package or the checkout; None if there is none."""
    places: Mapping[str, Path] = {"package": _HERE / "docs", "checkout": _HERE.parents[1] / "docs"}
    return next((place for place in places.values() if (place / "index.md").exists()), None)
