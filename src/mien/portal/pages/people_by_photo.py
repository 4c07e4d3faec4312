"""Finding a person by photo, in all groups of a resource."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mien.accounts import Feature
from mien.gallery.enrolment import choose
from mien.gallery.kinds import CollectionRef
from mien.gallery.person_search import PersonSearchResult
from mien.management.roles import Permission
from mien.portal.approval import check_approved
from mien.portal.pages.people_places import address
from mien.portal.photos import Upload, drop
from mien.portal.texts import figure, listed, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, empty, loading, table, text
from mien.vision.types import OperatingPoint, Want


def by_photo(visitor: Visitor, here: CollectionRef | None = None) -> None:
    """Draw the search for a person by photo in all groups of the resource.

    Args:
        visitor: the signed-in person.
        here: the group of the page, which is marked in the results.
    """
    if Feature.IDENTIFICATION not in visitor.resource.features:
        text(t("Finding people by photo is identification: the resource must be approved for it."), "soft")
        Tag("a", t("Request access"), href=visitor.link("/access"))
        return

    async def look(photo: Upload) -> None:
        result.clear()
        with result:
            waiting = loading(t("Searching all groups …"))
        found = await visitor.act(Permission.LOOK_UP, lambda: _search(visitor, photo))
        waiting.delete()
        if found is not None:
            with result:
                _tell(visitor, found, here)

    drop(visitor, t("Drop a photo to find a person"), look)
    result = Tag("div", classes="stack", role="status")


def _search(visitor: Visitor, photo: Upload) -> PersonSearchResult:
    """Search for the face of a photo in all groups, with each of their recognition models; call it in a thread."""
    check_approved(visitor, [Feature.IDENTIFICATION])
    search, resource_id = visitor.parts.gallery.person_search, visitor.resource.id
    vectors: dict[str, NDArray[np.float32]] = {}
    for model in search.models(resource_id):
        pack = visitor.parts.recognisers[model].pack
        face = choose(visitor.parts.engine.analyze(photo.data, Want(OperatingPoint.BEST, recogniser=pack)), None)
        if face.embedding is not None and face.embedding.readable:
            vectors[model] = face.embedding.vector
    visitor.note("portal.identify", collection="all groups", faces=1)
    return search.everywhere(resource_id, vectors)


def _tell(visitor: Visitor, found: PersonSearchResult, here: CollectionRef | None) -> None:
    searched = tn(
        "{count} group searched, with the changes since its training.",
        "{count} groups searched, with the changes since their trainings.",
        found.groups,
    )
    if not found.found:
        empty("person_search", t("Nobody with this face was found"), searched)
    else:
        table(
            t("Persons with this face"),
            [t("Name"), t("Group"), t("Confidence"), t("Person id")],
            [
                [
                    partial(_found_link, visitor, one.ref, one.person_id, one.name),
                    t("{group} (this group)", group=one.group) if one.ref == here else one.group,
                    figure(one.confidence, ".3f"),
                    one.person_id,
                ]
                for one in found.found
            ],
            numbers=[2],
        )
        text(searched, "soft small")
    if found.left_out:
        text(
            t("Not searched, because their faces cannot be compared: {groups}.", groups=listed(found.left_out)),
            "soft small",
        )


def _found_link(visitor: Visitor, ref: CollectionRef, person_id: str, name: str) -> None:
    with Tag("a", href=address(visitor, ref, person=person_id)):
        Tag("bdi", name, "name")
