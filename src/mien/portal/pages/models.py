"""Models: the packs behind the contract's model names, their licences and fingerprints."""

from __future__ import annotations

from functools import partial
from typing import Final

from mien.management.roles import Permission
from mien.models.manifest import StatedCalibration, Task
from mien.portal.frame import Page
from mien.portal.help import Help, Term
from mien.portal.stored_texts import said_stored
from mien.portal.texts import mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, badge, facts, section, table


async def render(visitor: Visitor) -> None:
    """Render the page."""
    store, bindings = visitor.parts.store, visitor.parts.bindings
    packs = await visitor.ask(store.manifests)
    installed = await visitor.ask(lambda: {name for name in packs if store.installed(name)})
    with section(
        t("Bindings"), t("The model pack behind each model name of the API; change it with mien models bind.")
    ):
        table(
            t("Bindings"),
            [t("Name"), t("Served by"), t("Chosen by"), t("Fingerprint")],
            [
                [
                    label,
                    bound,
                    {"default": t("default"), "file": "bindings.toml", "settings": t("settings")}[
                        bindings.origin[label]
                    ],
                    store.fingerprint(bound)[:16] + "…" if label in bindings.recognition else "",
                ]
                for label, bound in sorted(bindings.as_text().items())
            ],
        )
    used = set(bindings.packs())
    with section(t("Packs"), t("Model packs that this server knows, with their sources and licences.")):
        for name, pack in sorted(packs.items(), key=lambda one: (one[0] not in used, one[0] not in installed, one[0])):
            with Tag("article", classes="card"):
                with Tag("div", classes="row between"):
                    Tag("h3", f"{name} {pack.version}")
                    with Tag("div", classes="row"):
                        if name in used:
                            badge(t("bound"), "info")
                        badge(
                            t("installed") if name in installed else t("not installed"),
                            "good" if name in installed else "",
                        )
                lines: list[tuple[str, object]] = [(t("Summary"), said_stored(pack.summary))]
                lines += [(t("Task"), t(_TASKS[pack.task])), (t("Licence"), said_stored(pack.licence.spdx))]
                lines.append((t("Author"), said_stored(pack.licence.attribution)))
                if pack.task is Task.RECOGNISER:
                    lines.append((t("Fingerprint"), partial(Tag, "code", store.fingerprint(name))))
                    told = _calibration(measured) if (measured := pack.calibration) else t("none")
                    lines.append((t("Calibration"), told))
                if notes := pack.notes.strip():
                    lines.append((t("Notes"), t(notes)))
                facts(lines)  # type: ignore[arg-type]  # each is a text or a function


def _calibration(stated: StatedCalibration) -> str:
    measured_on = t(stated.measured_on)
    if stated.fmr:
        return t(
            "threshold {threshold:g} at a false match rate of {fmr:g}; {measured_on}",
            threshold=stated.threshold,
            fmr=stated.fmr,
            measured_on=measured_on,
        )
    return t("threshold {threshold:g}; {measured_on}", threshold=stated.threshold, measured_on=measured_on)


_TASKS: Final = {
    Task.DETECTOR: mark("detector"),
    Task.RECOGNISER: mark("recogniser"),
    Task.LANDMARKS: mark("landmarks"),
    Task.BACKBONE: mark("backbone"),
    Task.AGE: mark("age"),
    Task.PRESENTATION_ATTACK: mark("presentation attack"),
}

PAGE = Page(
    "/models",
    mark("Models"),
    mark("Which weights serve which model name."),
    mark("Server"),
    "memory",
    render,
    needs_resource=False,
    needs=Permission.SEE,
    help=Help(
        mark("The networks behind the names of the API, with their sources, licences and fingerprints."),
        "models.md",
        (Term.MODEL_PACK, Term.FINGERPRINT, Term.CALIBRATION),
    ),
)
