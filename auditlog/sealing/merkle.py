"""Merkle trees (RFC 6962): the roots are made where they are verified, here is the proof that a leaf is under one."""

from collections.abc import Sequence

from .verify import node_hash as node_hash
from .verify import root_of as root_of


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the path from a leaf to the root, the lowest node first (RFC 6962, section 2.1.1)."""
    if len(leaves) <= 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*inclusion_proof(index, left), root_of(list(right))]
    return [*inclusion_proof(index - split, right), root_of(list(left))]
