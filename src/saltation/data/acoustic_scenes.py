"""Acoustic scenes: TAU Urban Acoustic Scenes 2020 Mobile, the four scenes and the device of NeuroBench's system track.

::

    TAU-urban-acoustic-scenes-2020-mobile-development/audio/<scene>-<city>-<place>-<clip>-<device>.wav
    TAU-urban-acoustic-scenes-2020-mobile-development/evaluation_setup/fold1_train.csv, fold1_evaluate.csv

Clips of ten seconds, 44.1 kHz. The lists are separated by tabs, under the heads ``filename`` and ``scene_label``. The
test part is what the second list has, and clips that are in neither list, as in the benchmark's own loader.

References
----------
T. Heittola, A. Mesaros, T. Virtanen, Acoustic scene classification in DCASE 2020 challenge: generalization across
devices and low complexity solutions, arXiv:2005.14623; data DOI 10.5281/zenodo.3819968.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt

from saltation.data.audio import fitted, read_audio, resampled
from saltation.data.search import find
from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.model.checks import explain, integer

__all__ = ["SCENES", "AcousticScenes", "acoustic_scenes"]

SCENES: Final = ("airport", "street_traffic", "bus", "park")
"""Labels 0 to 3."""
DEVICE: Final = "a"
RATE: Final = 8000
"""To which the benchmark's loader brings all clips, in Hz."""
SLICES = {"train": 41_360, "test": 16_240}
"""One-second samples of the benchmark."""

_FOLDER = "TAU-urban-acoustic-scenes-2020-mobile-development"
_HOW = (
    "To get it: the audio and meta archives of https://zenodo.org/records/3819968 (DOI 10.5281/zenodo.3819968), 64 "
    "hours of sound, about 30 GB; unpack them in one of these folders, so that there is "
    f"{_FOLDER}/audio. Only clips of device a, whose names end in -a.wav, are needed."
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class AcousticScenes:
    """Clips of a part, read when they are asked for.

    Attributes
    ----------
    paths : tuple of Path
        A file for each clip of ten seconds.
    labels : ndarray of int64, [clip]
        Scene of each, as in `SCENES`.
    """

    paths: tuple[Path, ...]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.paths)

    def slices(self, i: int, rate: int = RATE) -> npt.NDArray[np.float64]:
        """A clip as samples of one second at a rate, [second, rate]; what the last lacks is filled with silence.

        Raises
        ------
        MissingDependencyError
            If SciPy is not installed, or the file is of a kind that needs soundfile.
        """
        signal, of_file = read_audio(self.paths[i])
        rate = integer("AcousticScenes.slices", "rate", rate, minimum=1)
        found = resampled(signal, of_file, rate)
        seconds = max(1, -(-len(found) // rate))
        return fitted(found, seconds * rate).reshape(seconds, rate)

    def load(
        self, rate: int = RATE, at_most: int | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Samples of one second and their scenes, [sample, rate] and [sample]; all of training take 1.3 GB at 8 kHz."""
        parts = [np.empty((0, rate), np.float32)]
        labels: list[int] = []
        for i in range(len(self) if at_most is None else min(at_most, len(self))):
            parts.append(self.slices(i, rate).astype(np.float32))
            labels += [int(self.labels[i])] * len(parts[-1])
        return np.concatenate(parts), np.array(labels, np.int64)


def acoustic_scenes(part: Literal["train", "test"], root: str | Path | None = None) -> AcousticScenes:
    """List the clips of a part, of the benchmark's four scenes and device.

    Complete, they are 4,136 and 1,624 clips, or 41,360 and 16,240 samples of a second.

    Parameters
    ----------
    part : {"train", "test"}
        There is no part for validation: take one of training.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Raises
    ------
    MissingDataError
        If the folder is nowhere, or clips that are listed are not there; the message says how to get them.
    FileFormatError
        If a list is not as described.

    Examples
    --------
    >>> from saltation.data import acoustic_scenes
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     clips = acoustic_scenes("test", root="/nowhere")
    ... except MissingDataError as error:
    ...     print("10.5281/zenodo.3819968" in str(error))
    True
    """
    if part not in ("train", "test"):
        raise ParameterError(explain("acoustic_scenes.part", "'train' or 'test'", repr(part)))
    folder = find("TAU Urban Acoustic Scenes 2020 Mobile", [f"{_FOLDER}/audio"], _HOW, root).parent
    lists = {name: _listed(folder / "evaluation_setup" / f"fold1_{name}.csv") for name in ("train", "evaluate")}
    files = lists["train"]
    if part == "test":
        there = {path.name for path in (folder / "audio").glob("*.wav")}
        files = lists["evaluate"] | (there - lists["train"] - lists["evaluate"])
    chosen = sorted((SCENES.index(scene), name) for name in files if (scene := _scene(name)) is not None)
    paths = tuple(folder / "audio" / name for _, name in chosen)
    lost = [path.name for path in paths if not path.is_file()]
    if lost:
        raise MissingDataError(f"{len(lost)} clips of {folder} are listed and not there, {lost[0]} the first. {_HOW}")
    return AcousticScenes(paths, np.array([label for label, _ in chosen], np.int64))


def _scene(name: str) -> str | None:
    """Scene of a clip, if it is one of the benchmark's and of its device."""
    parts = name.removesuffix(".wav").split("-")
    return parts[0] if parts[0] in SCENES and parts[-1] == DEVICE else None


def _listed(path: Path) -> set[str]:
    """Names of the files in a list, without their folder."""
    if not path.is_file():
        raise MissingDataError(f"{path} is not there; it is in the meta archive. {_HOW}")
    head, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    if head.split("\t")[0] != "filename":
        raise FileFormatError(f"{path} must begin with the head filename, separated by tabs; got {head[:80]!r}")
    return {line.split("\t")[0].rpartition("/")[2] for line in lines if line.strip()}
