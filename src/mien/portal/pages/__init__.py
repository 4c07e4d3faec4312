"""The pages, one a module, in the order of the navigation."""

from typing import Final

from mien.portal.frame import Page
from mien.portal.pages import (
    access,
    audit,
    directory,
    directory_person,
    door_events,
    doors,
    dynamic_groups,
    evaluations,
    keys,
    matches,
    metrics,
    models,
    networking,
    overview,
    people,
    people_group,
    people_person,
    resources,
    review,
    roles,
    try_identify,
    try_it,
    try_verify,
)

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    keys.PAGE,
    networking.PAGE,
    try_it.PAGE,
    try_verify.PAGE,
    try_identify.PAGE,
    try_identify.LIVENESS,
    people.PAGE,
    people_group.PAGE,
    people_person.PAGE,
    directory.PAGE,
    directory_person.PAGE,
    dynamic_groups.PAGE,
    dynamic_groups.GROUP,
    doors.PAGE,
    door_events.PAGE,
    door_events.INSIDE,
    evaluations.PAGE,
    evaluations.RESULT,
    metrics.PAGE,
    access.PAGE,
    review.PAGE,
    matches.PAGE,
    matches.CASE,
    audit.PAGE,
    models.PAGE,
    roles.PAGE,
    resources.PAGE,
    resources.CREATE,
)

__all__ = ["PAGES"]
