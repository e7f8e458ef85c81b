"""Placement and routing: networks on the circuits, rows and buses of a chip."""

from saltation.bss2.placement.placement import Placement, Written, place

__all__ = ["Placement", "Written", "place"]
