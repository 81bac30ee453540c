"""The names of a timm model's classes, or none where it has an embedding instead, as CLIP's towers do."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from timm.data import ImageNetInfo, infer_imagenet_subset


def class_names(count: int, config: Mapping[str, Any], own: bool = False) -> tuple[str, ...]:
    """Names of `count` outputs. config: timm's `pretrained_cfg`, of the weights or of the architecture.

    Outputs as many as those weights have, but without names and of no part of ImageNet that timm knows, are numbers of
    an embedding, or classes that nobody could name: neither is shown as classes. A head of another size was made anew.
    own: the weights are a person's, whose thousand classes need not be ImageNet's.
    """
    described, names = config.get("label_descriptions") or {}, config.get("label_names") or ()
    if isinstance(described, (list, tuple)):
        described = dict(zip(names or described, described, strict=False))
    if len(names) == count:
        return tuple(str(described.get(name, name)) for name in names)
    subset = infer_imagenet_subset({"num_classes": count})
    if subset and not own:
        return _imagenet(subset)
    if count == config.get("num_classes") and not own:
        return ()
    return tuple(f"class {i}" for i in range(count))


@cache
def _imagenet(subset: str) -> tuple[str, ...]:
    return tuple(ImageNetInfo(subset).label_descriptions())
