"""Networks as graphs of the Neuromorphic Intermediate Representation (NIR), and back."""

from saltation.io.nir.exporting import to_nir
from saltation.io.nir.files import read_nir, write_nir
from saltation.io.nir.importing import from_nir

__all__ = ["from_nir", "read_nir", "to_nir", "write_nir"]
