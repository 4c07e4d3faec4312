"""The portal below a base path, behind a real reverse proxy, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.conftest import Server, StartServer
from tests.portal.conftest import OpenPerson
from tests.reverse_proxy import nginx


@pytest.fixture(scope="module")
def console(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose portal is reached at `/console` of a proxy."""
    server = start_server(trusted_proxies="127.0.0.1")
    folder: Path = tmp_path_factory.mktemp("nginx")
    with nginx(folder, server.endpoint, server.management) as url:
        yield replace(server, management=f"{url}/console")


def test_the_portal_works_below_a_base_path(console: Server, person: OpenPerson) -> None:
    someone = person(at=console, by_form=True)
    page = someone.go("/")
    assert page.url == f"{console.management}/"
    for link in page.locator("nav a").all():
        assert (link.get_attribute("href") or "").startswith("/console/")
    page.get_by_role("link", name="People and lists").or_(page.get_by_role("link", name="People")).first.click()
    page.wait_for_url(f"{console.management}/people**")
    someone.go("/resources/new")
    page.goto(f"{console.management}/nowhere")
    expect(page.locator("a", has_text="To the overview")).to_have_attribute("href", "/console/")
    someone.go("/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{console.management}/sign-in**")
    page.goto(f"{console.management}/keys")
    page.wait_for_url(f"{console.management}/sign-in?next=%2Fkeys")
    assert {host for host in someone.hosts if host} == {console.management.split("/")[2]}
    assert [said for said in someone.troubles if "404" not in said] == []
