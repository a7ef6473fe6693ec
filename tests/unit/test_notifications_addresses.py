from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.addresses import AddressRefused, Guard, is_public

STRICT = Guard()
DEMO = Guard(loopback_allowed=True)


def resolving_to(*addresses: str, loopback_allowed: bool = False) -> Guard:
    return Guard(loopback_allowed, lambda host, port: list(addresses))


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example:443/hooks?a=b",
        "https://shop.example:8443/",
        "https://SHOP.example",
        "https://xn--bcher-kva.example/",
        "https://93.184.215.14/hooks",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/hooks",
        "https://7-eleven.example/",
        "https://4.example/",
    ],
)
def test_an_https_address_on_the_internet_passes(url: str) -> None:
    STRICT.check(url)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://shop.example", "shop.example", "/"),
        ("https://SHOP.example/Hooks", "shop.example", "/Hooks"),
        ("https://shop.example:443/hooks;jsessionid=1", "shop.example", "/hooks;jsessionid=1"),
        ("https://shop.example:8443/a;b/c;d?e;f=g&h", "shop.example:8443", "/a;b/c;d?e;f=g&h"),
        ("https://shop.example?", "shop.example", "/?"),
        ("https://shop.example?a=/b", "shop.example", "/?a=/b"),
        ("https://shop.example//x/../y/.%2e/[z]", "shop.example", "//x/../y/.%2e/[z]"),
        ("https://[2606:4700::1111]/hooks", "[2606:4700::1111]", "/hooks"),
        ("https://[2606:4700::ABCD]:8443", "[2606:4700::abcd]:8443", "/"),
    ],
)
def test_a_url_is_called_as_it_was_written(url: str, authority: str, target: str) -> None:
    found = STRICT.check(url)
    assert (found.authority, found.target) == (authority, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "//shop.example/",
        "shop.example",
        "https:/shop.example",
        "https://",
        "https://:443/",
        "",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_https_url_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104 - as an address to be refused
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:0:127.0.0.1]",
        "[::7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::808:808]",
        "[64:ff9b:1::a00:1]",
        "[64:ff9b:1:ffff::1]",
        "[100::1]",
        "[2001::1]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:4:112::1]",
        "[2620:4f:8000::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_an_address_that_is_not_public_is_refused_as_it_stands_and_as_a_names(host: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check(f"https://{host}/")
    with pytest.raises(AddressRefused):
        resolving_to(host.strip("[]")).address("shop.example", 443)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127.0.0.01",
        "8.8.8.8.",
        "1.2.3.4.5",
        "256.256.256.256",
        "0x8.8.8.8",
        "08.8.8.8",
        "shop.0x7f",
        "shop.example.",
        "localhost",
        "localhost.",
        "shop.localhost",
        "LOCALHOST",
        "printer.local",
        "metadata.google.internal",
        "nas.home.arpa",
        "intranet",
        "0",
        "0.0",
        "127.0x0.1",
        "0x7f.1",
        "0300.0250.1.1",
        "3232235777",
        "shop.example..",
        ".shop.example",
        "bücher.example",
        "shop。example",
        "shop.example٫",
        "[::1]x",
        "[2606:4700::1111]x",
        "[2606:4700::1111]:",
        "[2606:4700::1111]:443:443",
        "x[2606:4700::1111]",
        "[2606:4700::1111][2606:4700::1111]",
        "[v1.example.com]",
        "[v1.2606:4700::1111]",
        "[93.184.215.14]",
        "shop.example[",
        "shop.example]",
        "[0:0:0:0:0:0:0:1]",
        "[2606:2800:21f:cb07:6820:80da:af6b:8b2c%25eth0]",
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "shop..example",
        "-shop.example",
        "shop_1.example",
        "shop%2eexample",
        "[fe80::1%25eth0]",
        "[::1",
        "[shop.example]",
        "a" * 64 + ".example",
        ".".join(["abcdefghi"] * 26),
    ],
)
def test_a_host_that_another_parser_might_read_otherwise_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://anna@shop.example/",
        "https://anna:secret@shop.example/",
        "https://shop.example@127.0.0.1/",
        "https://@shop.example/",
        "https://:@shop.example/",
        "https://127.0.0.1%40shop.example/",
        "https://shop.example#@127.0.0.1/",
        "https://shop.example\\@127.0.0.1/",
        "https://shop.example/#part",
        "https://shop.example:22/",
        "https://shop.example:6379/",
        "https://shop.example:80/",
        "https://shop.example:0/",
        "https://shop.example:65536/",
        "https://shop.example:443:443/",
        "https://shop.example:25/",
        "https://shop.example:8080/",
        "https://shop.example:0x1bb/",
        "https://shop.example:https/",
        "https://shop.example:-443/",
        "https://shop.example:４４３/",
        "https://shop.example/ hooks",
        "https://shop.example/\r\nHost: other.example",
        "https://sh\top.example/",
        "https://shop.example/\x00",
        "https://shop.example/" + "a" * 2048,
    ],
)
def test_user_names_fragments_odd_ports_and_invisible_characters_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check(url)


def test_a_name_is_resolved_to_the_address_that_is_then_called() -> None:
    assert resolving_to("93.184.215.14").address("shop.example", 443) == "93.184.215.14"


@pytest.mark.parametrize(
    "addresses",
    [
        ("93.184.215.14", "10.0.0.1"),
        ("10.0.0.1", "93.184.215.14"),
        ("93.184.215.14", "::ffff:10.0.0.1"),
        (*["93.184.215.14"] * 1000, "127.0.0.1"),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c%2",),
        ("fe80::1%eth0",),
        ("127.0.0.1 ",),
        (),
    ],
    ids=["second", "first", "mapped", "last of many", "with a zone", "link-local", "no address", "none"],
)
def test_one_private_address_among_several_refuses_them_all(addresses: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused):
        resolving_to(*addresses).address("shop.example", 443)


def test_a_name_that_does_not_resolve_is_refused() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError

    with pytest.raises(AddressRefused):
        Guard(resolver=unknown).address("nowhere.example", 443)


def test_a_name_that_is_public_by_its_look_and_private_by_its_address_is_refused_when_it_is_called() -> None:
    STRICT.check("https://localtest.example/")
    with pytest.raises(AddressRefused):
        resolving_to("127.0.0.1").address("localtest.example", 443)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/hooks", "http://localhost:9000/", "http://[::1]:9000/", "https://127.0.0.1:1/"]
)
def test_the_demo_may_call_loopback_and_others_may_not(url: str) -> None:
    DEMO.check(url)
    with pytest.raises(AddressRefused):
        STRICT.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://shop.example/",
        "http://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "http://0.0.0.0/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::ffff:7f00:1]/",
        "http://[::]/",
        "http://localhost./",
        "http://shop.localhost/",
        "http://localhost@10.0.0.1/",
        "https://shop.example:22/",
    ],
)
def test_the_demo_lets_in_nothing_but_loopback(url: str) -> None:
    with pytest.raises(AddressRefused):
        DEMO.check(url)


def test_in_the_demo_too_a_name_may_not_lead_to_a_private_address() -> None:
    with pytest.raises(AddressRefused):
        resolving_to("10.0.0.1", loopback_allowed=True).address("shop.example", 443)


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public_to_us(address: object) -> None:
    known = ip_address(str(address))
    assert not (is_public(known) and not known.is_global)


def verdict(url: str) -> str | None:
    try:
        STRICT.check(url)
    except AddressRefused as refused:
        return str(refused)
    return None


@given(st.text(max_size=80))
def test_whatever_is_entered_passes_or_is_refused_with_a_reason(text: str) -> None:
    for url in (text, f"https://{text}/", f"https://shop.example/{text}"):
        assert verdict(url) is None or verdict(url)
