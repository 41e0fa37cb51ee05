"""Addresses and networks as people write them."""

from ipaddress import IPv4Network, IPv6Interface, ip_interface


def network_named(text: str) -> str:
    """Return an address, or a network in CIDR notation, in its one way to be written.

    An IPv4 address that comes mapped into IPv6 is the IPv4 address.

    Raises:
        ValueError: saying what the text is instead, and how to write it.
    """
    try:
        interface = ip_interface(text.strip())
    except ValueError:
        raise ValueError("no address; write it as 203.0.113.7, 2001:db8::1 or 203.0.113.0/24") from None
    network = interface.network
    if interface.ip != network.network_address:
        raise ValueError(f"an address inside of a network; write {interface.ip} or {network}")
    mapped = interface.ip.ipv4_mapped if isinstance(interface, IPv6Interface) else None
    if mapped and network.prefixlen >= 96:
        network = IPv4Network((mapped, network.prefixlen - 96))
    return str(network[0]) if network.num_addresses == 1 else str(network)
