from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mien.fetching.addresses import AddressPolicy
from mien.gateway.origin import parse_networks
from mien.settings import Settings

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "20.60.1.2",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.88.98.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2000::1",
    "2001:200::1",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2001:ffff::1",
    "2003::1",
    "3ffe:ffff::1",
    "3fff:1000::1",
    "3fff:ffff::1",
    "2606:4700::5efe:8.8.8.8",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "::1",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::c0a8:1",
    "2001:db9::5efe:10.0.0.1",
    "2001:db9::200:5efe:10.0.0.1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.9",  # anycast of PCP; Python 3.11.7 and 3.13 call it global
    "192.0.0.10",
    "192.0.0.99",  # global in Python 3.11.7, not in 3.13
    "192.0.0.170",
    "192.0.0.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",  # IPv4-translated (RFC 7915), global in every Python
    "::ffff:0:8.8.8.8",
    "fe80::1",
    "fe80::1%2",
    "febf::1",
    "fe80::5efe:8.8.8.8",
    "fec0::1",  # site-local
    "feff::1",
    "ff02::1",
    "ff0e::1",
    "2001::1",
    "2001:0:808:808::1",  # Teredo
    "2001:1::1",  # anycast, benchmarks, AS112, ORCHID, ORCHIDv2, drones: 3.11.7 and 3.13 disagree about most
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "3fff::1",
    "3fff:fff::1",
    "64:ff9b:1::1",
    "64:ff9b:0:1::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "::ffff:192.0.0.9",
    "2002::1",
    "2002:808:808::1",  # 6to4: global in Python 3.11.7, not in 3.13
    "2002:7f00:1::",
    "2002:c0a8:0101::1",
    "2002:a9fe:a9fe::",
    "2002:ffff:ffff::1",
    "100::1",
    "100:0:0:1::1",
    "4000::1",
    "5f00::1",  # segment routing
    "e000::1",
    "fbff::1",
    "fe00::1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressPolicy().refusal(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_with_the_setting_that_allows_them(address: str) -> None:
    assert "MIEN_URL_ALLOW_PRIVATE" in (AddressPolicy().refusal(address) or "")
    assert AddressPolicy(allow_private=True).refusal(address) is None


@pytest.mark.parametrize("address", NEVER)
def test_metadata_multicast_and_reserved_addresses_are_refused_even_when_private_ones_are_allowed(address: str) -> None:
    assert AddressPolicy().refusal(address)
    assert AddressPolicy(allow_private=True).refusal(address)


def test_listed_networks_are_allowed_and_no_others() -> None:
    networks = parse_networks("10.1.0.0/16, fd00::/64,")
    assert networks == (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))
    policy = AddressPolicy(allowed_networks=networks)
    assert policy.refusal("10.1.255.1") is None
    assert policy.refusal("::ffff:10.1.0.1") is None
    assert policy.refusal("fd00::5") is None
    assert policy.refusal("10.2.0.1")
    assert policy.refusal("fd01::5")


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_in_ipv6_changes_no_decision(inner: object) -> None:
    policy = AddressPolicy()
    plain = policy.refusal(str(inner)) is None
    low = int.from_bytes(bytes(int(part) for part in str(inner).split(".")))
    for wrapped in (f"::ffff:{inner}", f"64:ff9b::{low >> 16:x}:{low & 65535:x}"):
        assert (policy.refusal(wrapped) is None) == plain


def test_a_listed_tunnel_reaches_no_address_that_is_refused_by_itself() -> None:
    policy = AddressPolicy(allowed_networks=parse_networks("2002::/16,2001::/32"))
    assert policy.refusal("2002:808:808::1") is None
    assert policy.refusal("2001:0:808:808::f7f7:f7f7") is None  # Teredo of 8.8.8.8, written inverted
    for inside in ("2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:808:808::80ff:fffe", "2001:0:808:808::5601:5601"):
        assert "stands for an IPv4 address" in (policy.refusal(inside) or "")


def test_what_is_no_network_is_refused_when_the_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_URL_ALLOWED_NETWORKS", "10.1.0.0/99")
    with pytest.raises(ValidationError, match="url_allowed_networks"):
        Settings()


@pytest.mark.parametrize("settings", ["MIEN_URL", "MIEN_WEBHOOK", "MIEN_RELAY"])
def test_the_settings_that_a_refusal_names_exist(settings: str) -> None:
    policy = AddressPolicy(settings=settings)
    named = {policy.private_setting, policy.networks_setting}
    assert {name.removeprefix("MIEN_").lower() for name in named} <= set(Settings.model_fields)
    assert policy.private_setting in (policy.refusal("10.0.0.1") or "")
    assert policy.networks_setting in (policy.refusal("169.254.169.254") or "")
