"""Try it: verify two photos; with their similarity on the calibration curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import ui

from mien.accounts import Feature
from mien.gallery.enrolment import choose
from mien.management.roles import Permission
from mien.matching import Calibration, cosine
from mien.portal.approval import check_approved
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.pages.try_it import MODEL, approved, tabs
from mien.portal.photos import Upload, cut_out, drop, picture
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, banner, loading, section
from mien.vision.types import Face, OperatingPoint, Want

_CARE = mark("Small children and relatives are confused more than others.")


async def render(visitor: Visitor) -> None:
    """Render the page."""
    tabs(visitor, "/try/verify")
    if not approved(visitor, Feature.VERIFICATION):
        return
    recogniser = visitor.parts.gallery.curves.of(visitor.parts.recognisers[MODEL], visitor.resource.id)
    faces: dict[int, Face] = {}
    sides = Tag("div", classes="two")
    outcome = Tag("div", classes="stack", role="status")

    def compare() -> None:
        outcome.clear()
        first, second = (faces[place].embedding if place in faces else None for place in (1, 2))
        if first is None or second is None:
            return
        curve, alike = recogniser.calibration, float(cosine(first.vector, second.vector))
        confidence = curve.confidence(alike)
        same = confidence >= 0.5
        with outcome:
            said = t(
                "Confidence {confidence:.3f}; similarity {similarity:.3f}, of which {threshold:.3f} is the threshold.",
                confidence=confidence,
                similarity=alike,
                threshold=curve.threshold,
            )
            banner("good" if same else "warn", t("The same person") if same else t("Not the same person"), said)
            if curve.fmr:
                about = t(
                    "How {pack} maps a similarity to a confidence, at a false match rate of {fmr:g}.",
                    pack=recogniser.pack,
                    fmr=curve.fmr,
                )
            else:
                about = t("How {pack} maps a similarity to a confidence.", pack=recogniser.pack)
            with section(t("Calibration"), f"{about} {t(_CARE)}"):
                chart = ui.echart(options(curve, alike, confidence), renderer="svg").classes("chart").props("role=img")
                chart.props["aria-label"] = said

    with sides:
        for place in (1, 2):
            _side(visitor, place, faces, compare)


def _side(visitor: Visitor, place: int, faces: dict[int, Face], changed: Any) -> None:
    recogniser = visitor.parts.recognisers[MODEL]
    with section(t("Photo {number}", number=place)):

        async def take(photo: Upload) -> None:
            shown.clear()
            faces.pop(place, None)
            with shown:
                waiting = loading(t("Looking for the face …"))

            def work() -> tuple[str, Face]:
                check_approved(visitor, [Feature.VERIFICATION])
                want = Want(operating_point=OperatingPoint.BEST, recogniser=recogniser.pack, photo=True)
                found = visitor.parts.engine.analyze(photo.data, want)
                face = choose(found, None)
                return cut_out(found, face.box), face

            found = await visitor.act(Permission.LOOK_UP, work)
            waiting.delete()
            if found is not None:
                faces[place] = found[1]
                with shown:
                    picture(found[0], t("The face of photo {number}", number=place))
            changed()

        drop(visitor, t("Drop photo {number}", number=place), take)
        shown = Tag("div")


def options(curve: Calibration, similarity: float, confidence: float) -> dict[str, Any]:
    """Return the options of a chart with a calibration curve and one pair on it."""
    across = np.linspace(-0.2, 1, 121)
    line = [[round(float(x), 3), round(float(y), 5)] for x, y in zip(across, curve.confidence(across), strict=True)]
    ink, accent = "#7d8b98", "#1b8fa3"
    axis = {"axisLine": {"lineStyle": {"color": ink}}, "splitLine": {"lineStyle": {"color": ink, "opacity": 0.3}}}
    at = {"silent": True, "symbol": "none", "lineStyle": {"type": "dashed", "color": ink}}
    return {
        "animation": False,
        "grid": {"left": 50, "right": 20, "top": 30, "bottom": 45},
        "xAxis": {
            "type": "value",
            "min": -0.2,
            "max": 1,
            "name": t("similarity"),
            "nameLocation": "middle",
            "nameGap": 28,
            **axis,
        },
        "yAxis": {"type": "value", "min": 0, "max": 1, "name": t("confidence"), **axis},
        "series": [
            {
                "type": "line",
                "data": line,
                "showSymbol": False,
                "lineStyle": {"color": accent, "width": 3},
                "markLine": {
                    **at,
                    "label": {"show": False},
                    "data": [{"yAxis": 0.5}, {"xAxis": round(curve.threshold, 4)}],
                },
            },
            {
                "type": "scatter",
                "data": [[similarity, confidence]],
                "symbolSize": 16,
                "itemStyle": {"color": "#d9730d"},
            },
        ],
    }


PAGE = Page(
    "/try/verify",
    mark("Verify two photos"),
    mark("Whether two faces are of one person, and how sure that is."),
    mark("Use"),
    "science",
    render,
    listed=False,
    needs=Permission.LOOK_UP,
    help=Help(
        mark("Compares two photos and shows how sure it is that they show one person."),
        "recognise.md",
        (Term.CONFIDENCE, Term.THRESHOLD, Term.CALIBRATION, Term.FMR),
    ),
)
