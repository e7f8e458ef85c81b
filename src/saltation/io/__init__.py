"""Exchange with other programs: networks as NIR graphs; spikes as CSV, NPZ, SHD's HDF5, tonic's arrays, Neo's trains.

Times are in seconds inside. What comes in or goes out counts in a unit that the caller names, unless the format does;
nothing is guessed from magnitudes. Readers check everything: what they return is a valid `Spikes` or `Network`, and
what is not, raises with the place in the file. Files are written whole or not at all.
"""

from saltation.io.csv_files import read_csv, write_csv
from saltation.io.neo import from_neo, to_neo
from saltation.io.nir import from_nir, read_nir, to_nir, write_nir
from saltation.io.npz_files import read_npz, write_npz
from saltation.io.recordings import LabelledSpikes
from saltation.io.shd import read_shd, write_shd
from saltation.io.tonic import from_tonic, to_tonic

__all__ = [
    "LabelledSpikes",
    "from_neo",
    "from_nir",
    "from_tonic",
    "read_csv",
    "read_nir",
    "read_npz",
    "read_shd",
    "to_neo",
    "to_nir",
    "to_tonic",
    "write_csv",
    "write_nir",
    "write_npz",
    "write_shd",
]
