"""Another resource on a running server, created as Azure's resource manager does it, and approved."""

from __future__ import annotations

import ssl
from typing import Final

import httpx
from tests.conftest import Server

SUBSCRIPTION: Final = "5b5b5b5b-1111-4222-8333-444444444444"
_VERSION: Final = {"api-version": "2025-09-01"}
_USE: Final = "Copies a gallery from one resource to another, in a test of this server with photos of nobody."


def file_resource(server: Server, name: str, subscription: str = SUBSCRIPTION) -> str:
    """Create a resource of a subscription, approved for identification, and return its first key."""
    certificates = server.data_dir / "tls" / "ca.pem"
    trusted = ssl.create_default_context(cafile=str(certificates)) if certificates.exists() else True
    with httpx.Client(
        base_url=server.management,
        headers={"Authorization": f"Bearer {server.admin_token}"},
        timeout=60,
        trust_env=False,
        verify=trusted,
    ) as management:
        terms = {"acceptedBy": "Anna Admin", "responsibleAi": True, "notForPolice": True}
        management.post(f"/mien/v1/subscriptions/{subscription}/terms", json=terms).raise_for_status()
        account = (
            f"/subscriptions/{subscription}/resourceGroups/faces/providers/Microsoft.CognitiveServices/accounts/{name}"
        )
        wanted = {"kind": "Face", "location": "westeurope", "sku": {"name": "S0"}, "properties": {}}
        management.put(account, params=_VERSION, json=wanted).raise_for_status()
        asked = {"resource": name, "features": ["Identification"], "organisation": "Test", "contact": "a@b.test"}
        requests = "/mien/v1/access-requests"
        made = management.post(requests, json={**asked, "useCase": _USE}).raise_for_status().json()
        # Where there may be several administrators, nobody approves a request of their own.
        reviewer = management.post(
            "/mien/v1/admin-tokens", json={"name": f"Reviewer of {name}", "role": "approver"}
        ).raise_for_status()
        other = {"Authorization": f"Bearer {reviewer.json()['token']}"}
        for step in ("review", "approve"):
            management.post(f"{requests}/{made['id']}/{step}", headers=other).raise_for_status()
        keys = management.post(f"{account}/listKeys", params=_VERSION).raise_for_status().json()
    key: str = keys["key1"]
    return key
