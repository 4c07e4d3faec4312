"""The resource that `mien serve --dev` makes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mien.accounts import ALL_FEATURES, AccountError, Acknowledgement
from mien.cli._development import development_resource
from mien.services import open_services
from mien.settings import Settings


def test_it_is_made_once_by_servers_that_start_together_and_approved_for_everything(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    opened = [open_services(settings) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(development_resource, opened))
    assert len({resource.id for resource, _ in found}) == 1
    assert len({(keys.key1, keys.key2) for _, keys in found}) == 1
    resource, keys = development_resource(opened[0])
    assert (resource.name, resource.features) == ("dev", ALL_FEATURES)
    assert resource.terms is not None
    assert resource.terms.development
    assert len(opened[0].access.requests()) == 1
    assert opened[1].accounts.find_by_key(keys.key1) == resource
    for one in opened:
        one.close()


def test_it_approves_nothing_for_resources_of_others_and_revives_no_deleted_one(tmp_path: Path) -> None:
    services = open_services(Settings(data_dir=tmp_path))
    terms = Acknowledgement("Anna", responsible_ai=True, not_for_police=True)
    other = services.accounts.create("office", terms=terms)
    assert development_resource(services)[0] == other
    services.accounts.delete(other.id)
    made, _ = development_resource(services)
    assert made.name == "dev"
    services.accounts.delete(made.id)
    with pytest.raises(AccountError, match="resource restore dev"):
        development_resource(services)
    services.close()
