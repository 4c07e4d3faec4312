"""The pages, one a module, in the order of the navigation."""

from typing import Final

from mien.portal.frame import Page
from mien.portal.pages import keys, networking, overview

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    keys.PAGE,
    networking.PAGE,
)

__all__ = ["PAGES"]
