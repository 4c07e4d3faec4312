"""The methods that an attempt is judged by: the name that each has in evidence, and its part in the decision.

`fusion` computes their scores and decides by this table; no other list exists.
"""

from __future__ import annotations

from enum import Enum, Flag, StrEnum, auto


class NeededIn(Flag):
    """The kinds of attempts that a method is needed in."""

    PASSIVE = auto()
    PASSIVE_ACTIVE = auto()
    WITHOUT_FLASHES = auto()
    NONE = 0
    EVERY = PASSIVE | PASSIVE_ACTIVE | WITHOUT_FLASHES


class Part(Enum):
    """The effect of a low score of a method, beyond not meeting a requirement.

    Attributes:
        NOTHING: nothing. A missing turn is the person's mistake; a missing blink is no proof.
        VETO: a low score decides `spoofface`.
        LIMIT: a low score prevents `realface`, if there is a score at all.
    """

    NOTHING = auto()
    VETO = auto()
    LIMIT = auto()


class Method(StrEnum):
    """A method; its value is its name in evidence, and the order that of the reasons of a decision.

    The passive mode requires the material, which only the passive networks measure, and the motion inside a face that
    looks ahead: nobody is asked to turn, so nothing else distinguishes a print or a rendering from a face. Without
    flashes, only the turns bind the video to the attempt, so a screen must be detected as a screen, and a rendering as
    a rendering.

    Attributes:
        needed: the kinds of attempts in which a real face requires it.
        part: the effect of a low score.
    """

    needed: NeededIn
    part: Part

    ORDER = "order", NeededIn.EVERY, Part.VETO
    CONTINUITY = "continuity", NeededIn.EVERY, Part.VETO
    REFLECTION = "reflection", NeededIn.PASSIVE | NeededIn.PASSIVE_ACTIVE, Part.VETO
    TURN_REFLECTION = "turnReflection", NeededIn.PASSIVE_ACTIVE, Part.VETO
    TURNS = "turns", NeededIn.PASSIVE_ACTIVE | NeededIn.WITHOUT_FLASHES, Part.NOTHING
    PLANARITY = "planarity", NeededIn.PASSIVE_ACTIVE | NeededIn.WITHOUT_FLASHES, Part.VETO
    MATERIAL = "material", NeededIn.PASSIVE | NeededIn.WITHOUT_FLASHES, Part.VETO
    PARALLAX = "parallax", NeededIn.PASSIVE, Part.NOTHING
    SKIN_MOTION = "skinMotion", NeededIn.PASSIVE | NeededIn.WITHOUT_FLASHES, Part.NOTHING
    TIMING = "timing", NeededIn.NONE, Part.LIMIT
    NOVELTY = "novelty", NeededIn.NONE, Part.LIMIT
    SURROUNDINGS = "surroundings", NeededIn.NONE, Part.LIMIT
    DYNAMICS = "dynamics", NeededIn.NONE, Part.NOTHING

    def __new__(cls, name: str, needed: NeededIn, part: Part) -> Method:
        """Create a member from its row."""
        method = str.__new__(cls, name)
        method._value_ = name
        method.needed = needed
        method.part = part
        return method


def needed_in(basis: NeededIn) -> tuple[str, ...]:
    """Return the names of the methods that a real face requires in a kind of attempt."""
    return tuple(method.value for method in Method if basis in method.needed)


def with_part(part: Part) -> tuple[str, ...]:
    """Return the names of the methods whose low score does the same."""
    return tuple(method.value for method in Method if method.part is part)
