"""A photo, and weights at random, for models of the hub that are too large to be brought along."""

import numpy as np
import torch
from PIL import Image
from torch import nn

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


def spread(module: nn.Module) -> nn.Module:
    """Weights, relative positions among them, large enough that attention is far from even."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return module.eval()
