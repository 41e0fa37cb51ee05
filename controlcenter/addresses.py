"""Which address a request comes from: the one that proxies of ours vouch for, and no other."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

PORT = re.compile(r"^\[(?P<v6>[^\]]+)\](?::\d+)?$|^(?P<v4>[\d.]+):\d+$", re.ASCII)


def source_ip(peer: str, forwarded_for: str, trusted_proxies: int) -> str | None:
    """Return the address of the client: the last one that no trusted proxy of ours stands for.

    Each proxy appends the address it was called from, so with ``n`` trusted proxies the ``n``-th address from the right
    is the last one we know to be true; what stands left of it anybody could have written. When it is no address, or
    there are fewer of them, the nearest true address to its right counts. No other header is read: ``Forwarded``,
    ``X-Real-IP`` and the like come from clients, too, and no proxy of ours takes them away.
    """
    chain = [part for part in forwarded_for.split(",") if part.strip()] if trusted_proxies else []
    known = [address_in(part) for part in [*chain[-trusted_proxies:], peer]]
    return next((address for address in known if address), None)


def address_in(text: str) -> str | None:
    """Return the canonical text of an address, without port or zone; None for anything else."""
    text = text.strip(" \t")
    if match := PORT.match(text):
        text = match["v6"] or match["v4"]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
