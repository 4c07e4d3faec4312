"""Receipts: whatever is changed in one, it does not pass for another."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.conftest import MASTER_KEY
from tests.examples import examples
from tests.manual_clock import ManualClock

from mien.storage import Database, MasterKey, Vault
from mien.subjects import InvalidReceiptError, Receipts
from mien.subjects.receipts import TYPE, hash_of

RECEIPT = {"type": TYPE, "counts": {"faces": 3}, "salt": "s", "id_hashes": [hash_of("an-id", "s")]}


@pytest.fixture
def receipts(sqlite: Database, clock: ManualClock) -> Receipts:
    return Receipts(sqlite, Vault(sqlite, MasterKey.from_hex(MASTER_KEY), clock), clock)


@examples(150, HealthCheck.function_scoped_fixture)
@given(st.data())
def test_no_change_of_a_receipt_makes_it_say_something_else(receipts: Receipts, data: st.DataObject) -> None:
    document = receipts.sign(RECEIPT)
    at = data.draw(st.integers(0, len(document)))
    length = data.draw(st.integers(0, 5))
    changed = document[:at] + data.draw(st.text(max_size=5)) + document[at + length :]
    try:
        verified = receipts.verify(changed)
    except InvalidReceiptError:
        return
    assert verified.receipt == RECEIPT


def test_a_receipt_tells_of_ids_that_one_knows(receipts: Receipts) -> None:
    verified = receipts.verify(receipts.sign(RECEIPT))
    assert verified.covers("AN-ID")
    assert not verified.covers("another")


def test_what_was_signed_for_another_purpose_is_no_receipt(receipts: Receipts) -> None:
    with pytest.raises(InvalidReceiptError, match="not a receipt"):
        receipts.verify(receipts.sign({**RECEIPT, "type": "something else"}))


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
@examples(100, HealthCheck.function_scoped_fixture)
def test_anything_else_is_refused_in_one_way(receipts: Receipts, text: str) -> None:
    with pytest.raises(InvalidReceiptError):
        receipts.verify(text)
    with pytest.raises(InvalidReceiptError):
        receipts.verify(receipts.sign(RECEIPT), text or "{")
