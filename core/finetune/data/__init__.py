"""All ways to data to train on, in one place: the bundled sets, a person's pictures, sentence pairs, labelled texts,
pictures with captions.

Each gives a `PictureData`, a `PairData`, a `TextData` or a `CaptionData` with a report, or raises a SidelightError;
nothing is half-loaded.
"""

from core.finetune.data.bundled import (
    COLLECTIONS,
    COUNT_LEAST,
    EACH_LEAST,
    EACH_LIMIT,
    TEXT_KINDS,
    TEXT_LEAST,
    Collection,
    bundled_classes,
    bundled_pairs,
    bundled_pictures,
    bundled_texts,
    most_texts,
)
from core.finetune.data.caption_data import CaptionData
from core.finetune.data.captions import captions_from_path, captions_from_zip
from core.finetune.data.dataset import Data, PairData, PictureData, TextData, load, save
from core.finetune.data.labels import texts_from_files, texts_from_path
from core.finetune.data.report import Report
from core.finetune.data.tables import pairs_from_files, pairs_from_path, pairs_from_table
from core.finetune.data.told_scenes import bundled_scenes
from core.finetune.data.uploads import pictures_from_files, pictures_from_path, pictures_from_zip

__all__ = [
    "COLLECTIONS",
    "COUNT_LEAST",
    "EACH_LEAST",
    "EACH_LIMIT",
    "TEXT_KINDS",
    "TEXT_LEAST",
    "Collection",
    "Data",
    "PairData",
    "PictureData",
    "Report",
    "TextData",
    "bundled_classes",
    "bundled_pairs",
    "bundled_pictures",
    "bundled_texts",
    "load",
    "most_texts",
    "pairs_from_files",
    "pairs_from_path",
    "pairs_from_table",
    "pictures_from_files",
    "pictures_from_path",
    "pictures_from_zip",
    "save",
    "texts_from_files",
    "texts_from_path",
    "CaptionData",
    "bundled_scenes",
    "captions_from_path",
    "captions_from_zip",
]
