"""What the Azure CLI said to a real server, and was answered, is said again: the answers keep their status and shape.

`tools/azure_cli.py --record` wrote the exchanges, with azure-cli 2.91.0.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.issuer import serving
from tests.issuer_products import Keycloak
from tests.management.conftest import World

from mien.gateway.discovery import Discovery, fetcher
from mien.issuers import names_of
from mien.management import Role
from mien.management.application import ControlPlane
from mien.management.arm.sign_in import SignInPlace

EXCHANGES = json.loads((Path(__file__).parent / "az_exchanges.json").read_text(encoding="utf-8"))
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def shape(value: Any) -> Any:
    """The names and kinds of what an answer holds; of a list, the shapes that it has."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in map(shape, value):
            if item not in shapes:
                shapes.append(item)
        return shapes
    return type(value).__name__


async def test_the_same_questions_get_the_same_answers(quick: World) -> None:
    with serving(Keycloak()) as issuer:
        names = names_of(issuer.url)
        place = SignInPlace(names, ["https://management.azure.com"], Discovery(names.name, fetcher()))
        quick.plane = ControlPlane(replace(quick.parts, place=place))
        async with quick.client(quick.token(Role.ADMIN)) as admin, quick.client(None) as anybody:
            terms = {"acceptedBy": "Anna Admin", "responsibleAi": True, "notForPolice": True}
            accepted = await admin.post(f"/mien/v1/subscriptions/{SUBSCRIPTION}/terms", json=terms)
            assert accepted.status_code == 201
            for number, exchange in enumerate(EXCHANGES):
                asked = f"{number}: {exchange['method']} {exchange['path']}"
                body = exchange["body"]
                answer = await (admin if exchange["token"] else anybody).request(
                    exchange["method"],
                    exchange["path"].replace("GUID", str(names.tenant)),
                    content=json.dumps(body) if isinstance(body, dict | list) else body,
                )
                assert answer.status_code == exchange["status"], f"{asked}: {answer.text}"
                if isinstance(exchange["answer"], dict | list):
                    assert shape(answer.json()) == shape(exchange["answer"]), asked
                else:
                    assert answer.text == exchange["answer"], asked


def test_the_recording_is_scrubbed() -> None:
    text = json.dumps(EXCHANGES)
    for word in ("Bearer", "eyJ", "s3cr", "localhost:3", "127.0.0.1"):
        assert word not in text
    operations = {(one["method"], one["path"].partition("?")[0].rpartition("/")[2]) for one in EXCHANGES}
    assert {("PUT", "reception"), ("POST", "listKeys"), ("DELETE", "reception"), ("GET", "accounts")} <= operations
