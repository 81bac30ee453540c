"""The sides of the Fine-tune page by the name of their task."""

from typing import Any

from core.ui.finetune.captions import CaptionSide
from core.ui.finetune.pictures import PictureSide
from core.ui.finetune.sentences import SentenceSide
from core.ui.finetune.side import Side
from core.ui.finetune.texts import TextSide

SIDES: dict[str, Side[Any, Any]] = {
    side.task: side for side in (PictureSide(), SentenceSide(), TextSide(), CaptionSide())
}
