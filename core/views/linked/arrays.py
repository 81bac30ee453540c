"""The binary part of what is sent to the browser."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Arrays:
    """The arrays so far. Each method appends one and returns its place: [offset in bytes, length in elements]."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes, count: int) -> list[int]:
        place = [self.size, count]
        padding = b"\0" * (-len(data) % 8)
        self.chunks += [data, padding]
        self.size += len(data) + len(padding)
        return place

    def behind(self, header: dict[str, Any]) -> bytes:
        """[header length, uint32][header JSON, padded to 8][arrays]; the header gets an "id", a digest of all."""
        body = b"".join(self.chunks)
        digest = hashlib.blake2b(body + json.dumps(header).encode(), digest_size=12).hexdigest()
        text = json.dumps(header | {"id": digest}, ensure_ascii=False).encode()
        text += b" " * (-(len(text) + 4) % 8)
        return len(text).to_bytes(4, "little") + text + body

    def half(self, tensor: Tensor) -> list[int]:
        return self._numbers(tensor, torch.float16)

    def single(self, tensor: Tensor) -> list[int]:
        return self._numbers(tensor, torch.float32)

    def whole(self, tensor: Tensor) -> list[int]:
        return self._numbers(tensor, torch.int32)

    def _numbers(self, tensor: Tensor, dtype: torch.dtype) -> list[int]:
        return self.add(tensor.detach().cpu().to(dtype).contiguous().numpy().tobytes(), tensor.numel())
