"""Spoken keywords in 15 languages: NeuroBench's subset of the Multilingual Spoken Words Corpus, 200 words.

::

    MSWC/base_train.csv, base_val.csv, base_test.csv     100 words of five languages, 500, 100 and 100 clips of each
    MSWC/<language>/evaluation.csv                       10 words of each of ten other languages, 200 clips of each
    MSWC/<language>/clips/<file>                         the clips, at most one second

A line of these lists is ``file,word,language``. Clips are Opus files of 48 kHz, which need soundfile, or, in the other
archive of the same place, WAV files of 16 kHz, which need nothing.

References
----------
M. Mazumder et al., Multilingual Spoken Words Corpus, NeurIPS Datasets and Benchmarks (2021). Yik et al., NeuroBench,
arXiv:2304.04640.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt

from saltation.data.audio import fitted, read_audio, resampled
from saltation.data.search import find
from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.model.checks import explain, integer

__all__ = ["BASE_LANGUAGES", "SESSION_LANGUAGES", "Keywords", "keyword_sessions", "keywords"]

BASE_LANGUAGES: Final = ("en", "fr", "ca", "de", "rw")
"""Of the base classes, 20 words each."""
SESSION_LANGUAGES: Final = ("fa", "eo", "pt", "eu", "pl", "cy", "nl", "ru", "es", "it")
"""Of the sessions, 10 words each."""
POOL: Final = 100
"""Of the 200 clips of a word, the first 100 may be learned from, the others are asked."""

_TITLE = "The set of keywords of NeuroBench (MSWC)"
_HOW = (
    "To get them: mswc_fscil.tar.gz, 651 MB with clips in Opus, or the archive with WAV files of 16 kHz, 1.6 GB, from "
    "https://huggingface.co/datasets/NeuroBench/mswc_fscil_subset (CC BY 4.0); unpack it in one of these folders, so "
    "that it has a folder MSWC with base_train.csv in it."
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Keywords:
    """Clips of spoken words, read when they are asked for.

    Attributes
    ----------
    paths : tuple of Path
        A file for each clip.
    labels : ndarray of int64, [clip]
        Word of each.
    names : tuple of str
        The words: those of the base languages in the order of their list, then those of the others.
    languages : tuple of str
        Of each clip.
    """

    paths: tuple[Path, ...]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    languages: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, chosen: npt.NDArray[np.int64] | slice) -> "Keywords":
        which = np.arange(len(self))[chosen].tolist()
        picked = [self.paths[i] for i in which], [self.languages[i] for i in which]
        return Keywords(tuple(picked[0]), self.labels[which], self.names, tuple(picked[1]))

    def joined(self, other: "Keywords") -> "Keywords":
        """Clips of both, such as all that may be learned from: training and support.

        Raises
        ------
        ParameterError
            If their words differ.
        """
        if other.names != self.names:
            raise ParameterError("Keywords.joined: both must be of the same words; read them from one folder")
        labels = np.concatenate([self.labels, other.labels])
        return Keywords(self.paths + other.paths, labels, self.names, self.languages + other.languages)

    def waveform(self, i: int, rate: int = 16_000) -> npt.NDArray[np.float64]:
        """A clip as one second of sound at a rate, filled with silence at its end, [rate].

        Raises
        ------
        MissingDataError
            If the clip's file is not there.
        MissingDependencyError
            If it is no WAV file and soundfile is not installed, or has another rate and SciPy is not.
        """
        path = self.paths[i]
        if not path.is_file():
            raise MissingDataError(f"{path} is in the list of clips and not there: unpack the archive again. {_HOW}")
        signal, of_file = read_audio(path)
        return fitted(resampled(signal, of_file, rate), integer("waveform", "rate", rate, minimum=1))


def keywords(part: str, root: str | Path | None = None) -> Keywords:
    """Read the list of clips of a part.

    Parameters
    ----------
    part : {"train", "validation", "test", "support", "query"}
        The first three are of the base words; then the clips of the other words that may be learned from, and those
        that are asked.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Returns
    -------
    Keywords
        With the same words and classes in all parts.

    Raises
    ------
    MissingDataError
        If the lists are nowhere; the message says how to get them.
    FileFormatError
        If a list is not as described.

    Examples
    --------
    >>> from saltation.data import keywords
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     clips = keywords("train", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(" is not")[0])
    The set of keywords of NeuroBench (MSWC)
    """
    files = {"train": "base_train.csv", "validation": "base_val.csv", "test": "base_test.csv"}
    if part not in (*files, "support", "query"):
        must = "'train', 'validation', 'test', 'support' or 'query'"
        raise ParameterError(explain("keywords.part", must, repr(part)))
    folder = find(_TITLE, ["MSWC/base_train.csv"], _HOW, root).parent
    base = _words(_rows(folder / "base_train.csv"))
    others = {language: _rows(folder / language / "evaluation.csv") for language in SESSION_LANGUAGES}
    names = [*base, *(word for rows in others.values() for word in _words(rows))]
    if len(set(names)) < len(names):
        raise FileFormatError(
            f"{folder}: each word must be of one list alone; got {len(names) - len(set(names))} twice"
        )
    if part in files:
        rows = _rows(folder / files[part])
    else:
        pool = slice(None, POOL) if part == "support" else slice(POOL, 2 * POOL)
        rows = []
        for listed in others.values():
            for word in _words(listed):
                rows += [row for row in listed if row[1] == word][pool]
    index = {word: i for i, word in enumerate(names)}
    unknown = {word for _, word, _ in rows} - set(index)
    if unknown:
        raise FileFormatError(f"{folder / files[part]} names words that are not trained on: {sorted(unknown)[:5]}")
    paths = tuple(_clip(folder, row) for row in rows)
    labels = np.array([index[word] for _, word, _ in rows], np.int64)
    return Keywords(paths, labels, tuple(names), tuple(language for *_, language in rows))


def keyword_sessions(clips: Keywords) -> tuple[list[int], dict[str, list[int]]]:
    """Base classes, and the classes of each further language, as `few_shot_sessions` takes them.

    Parameters
    ----------
    clips : Keywords
        All that may be learned from: training and support.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data.keywords import Keywords, keyword_sessions
    >>> keyword_sessions(Keywords((), np.array([0, 1, 2, 2]), ("yes", "oui", "da"), ("en", "fr", "ru", "ru")))
    ([0, 1], {'ru': [2]})
    """
    base: set[int] = set()
    groups: dict[str, set[int]] = {}
    for label, language in zip(clips.labels.tolist(), clips.languages, strict=True):
        (base if language in BASE_LANGUAGES else groups.setdefault(language, set())).add(label)
    return sorted(base), {language: sorted(labels) for language, labels in groups.items()}


def _rows(path: Path) -> list[tuple[str, str, str]]:
    """File, word and language of each clip in a list."""
    if not path.is_file():
        raise MissingDataError(f"{path} is not there, although other lists are: unpack the archive again. {_HOW}")
    rows: list[tuple[str, str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.strip().split(",")
        if len(cells) != 3:
            raise FileFormatError(f"{path}, line {number} must be file,word,language; got {line[:80]!r}")
        if cells[1] != "WORD":
            rows.append((cells[0], cells[1], cells[2]))
    return rows


def _words(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    return list(dict.fromkeys(word for _, word, _ in rows))


def _clip(folder: Path, row: tuple[str, str, str]) -> Path:
    """File of a clip; lists name Opus files, and the other archive has the same clips as WAV."""
    path = folder / row[2] / "clips" / row[0]
    other = path.with_suffix(".wav")
    return other if not path.is_file() and other.is_file() else path
