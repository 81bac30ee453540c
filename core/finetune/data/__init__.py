"""All ways to data to train on, in one place: the bundled sets, a person's pictures, a person's sentence pairs.

Each gives a `PictureData` or a `PairData` with a report, or raises a SidelightError; nothing is half-loaded.
"""

from core.finetune.data.bundled import (
    COLLECTIONS,
    COUNT_LEAST,
    EACH_LEAST,
    EACH_LIMIT,
    Collection,
    bundled_classes,
    bundled_pairs,
    bundled_pictures,
)
from core.finetune.data.dataset import PairData, PictureData, Report, load, save
from core.finetune.data.tables import pairs_from_files, pairs_from_path, pairs_from_table
from core.finetune.data.uploads import pictures_from_files, pictures_from_path, pictures_from_zip

__all__ = [
    "COLLECTIONS",
    "COUNT_LEAST",
    "EACH_LEAST",
    "EACH_LIMIT",
    "Collection",
    "PairData",
    "PictureData",
    "Report",
    "bundled_classes",
    "bundled_pairs",
    "bundled_pictures",
    "load",
    "pairs_from_files",
    "pairs_from_path",
    "pairs_from_table",
    "pictures_from_files",
    "pictures_from_path",
    "pictures_from_zip",
    "save",
]
