"""What surrounds every page."""

import pytest
from tests.portal.conftest import OpenPerson


@pytest.mark.parametrize("width", [390, 1280])
def test_the_top_is_as_wide_as_the_page(person: OpenPerson, width: int) -> None:
    page = person().go("/")
    page.set_viewport_size({"width": width, "height": 800})
    header = "document.querySelector('header.top').getBoundingClientRect()"
    page.wait_for_function(f"(width) => {header}.x === 0 && {header}.width === width", arg=width)  # a script places it
