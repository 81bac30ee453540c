"""Vision models: one interface (`model`), filled for timm and for transformers; `load` opens one by its name."""

from core.models.vision.load import (
    fetch_vision,
    hub_repository,
    load_vision,
    load_vision_card,
    with_changes,
)
from core.models.vision.model import Estimate, Prediction, VisionModel, VisionResult, estimate
from core.models.vision.timm_adapter import from_timm
from core.models.vision.transformers_adapter import from_transformers

__all__ = [
    "Estimate",
    "Prediction",
    "VisionModel",
    "VisionResult",
    "estimate",
    "fetch_vision",
    "from_timm",
    "from_transformers",
    "hub_repository",
    "load_vision",
    "load_vision_card",
    "with_changes",
]
