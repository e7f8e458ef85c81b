"""Data sets: generated ones as they are, file-based ones read from where the user keeps them.

Nothing is downloaded: a reader whose files are nowhere says where to get them and where to put them.
"""

from saltation.data.acoustic_scenes import SCENES, AcousticScenes, acoustic_scenes
from saltation.data.audio import read_audio
from saltation.data.digits import digits
from saltation.data.gestures import GESTURES, from_event_dataset, gestures
from saltation.data.hapt import HaptRecording, hapt, hapt_recordings
from saltation.data.idx import read_idx
from saltation.data.images import Images, split
from saltation.data.keywords import Keywords, keyword_sessions, keywords
from saltation.data.level_crossing import level_crossing
from saltation.data.megapixel import DrivingSequence, megapixel, read_boxes, read_histograms
from saltation.data.mnist import fashion_mnist, mnist
from saltation.data.nehar import nehar
from saltation.data.reaching import ReachingRecording, reaching, read_reaching, write_reaching
from saltation.data.sequences import Sequences, stratified
from saltation.data.spoken_digits import spoken_digits
from saltation.data.synthetic_reaching import synthetic_reaching
from saltation.data.windows import Windows, features, standardised
from saltation.data.yinyang import which_class, yinyang

__all__ = [
    "GESTURES",
    "SCENES",
    "AcousticScenes",
    "DrivingSequence",
    "HaptRecording",
    "Images",
    "Keywords",
    "ReachingRecording",
    "Sequences",
    "Windows",
    "acoustic_scenes",
    "digits",
    "fashion_mnist",
    "features",
    "from_event_dataset",
    "gestures",
    "hapt",
    "hapt_recordings",
    "keyword_sessions",
    "keywords",
    "level_crossing",
    "megapixel",
    "mnist",
    "nehar",
    "reaching",
    "read_audio",
    "read_boxes",
    "read_histograms",
    "read_idx",
    "read_reaching",
    "split",
    "spoken_digits",
    "standardised",
    "stratified",
    "synthetic_reaching",
    "which_class",
    "write_reaching",
    "yinyang",
]
