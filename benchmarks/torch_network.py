"""The paper's network in PyTorch, to compare the speed of training with."""

from __future__ import annotations

import torch
from torch import nn

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


class Bottleneck(nn.Module):
    """A block of ResNet50 (He et al., CVPR 2016), with the stride in its first convolution."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(channels, width, 1, stride),
            nn.ReLU(inplace=True),
            *_convolution(width, width, 3),
            nn.ReLU(inplace=True),
            *_convolution(width, 4 * width, 1),
        )
        is_same = stride == 1 and channels == 4 * width
        self.shortcut = (
            nn.Identity()
            if is_same
            else nn.Sequential(*_convolution(channels, 4 * width, 1, stride))
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(features) + self.shortcut(features))


class AttentionUnit(nn.Module):
    """The Parallel Attention Unit of Huang et al. (ICASSP 2020), with its pooling."""

    def __init__(self, channels: int):
        super().__init__()
        self.query = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        )
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // 16, bias=False),
            nn.ReLU(),
            nn.Linear(channels // 16, channels, bias=False),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        context = features * self.query(features)
        spatial = context.mean(1, keepdim=True) + context.amax(1, keepdim=True)
        channel = context.mean((2, 3)) + context.amax((2, 3))
        by_place = (features * torch.sigmoid(spatial)).mean((2, 3))
        by_channel = (features * torch.sigmoid(self.gate(channel))[:, :, None, None]).mean((2, 3))
        return torch.cat([by_place, by_channel], 1)


class PairNetwork(nn.Module):
    """Two photos `[B, 3, H, W]` to the logit `[B]` that the first is preferred."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        stages, channels = [], 64
        for width, count, stride in STAGES:
            blocks = []
            for place in range(count):
                blocks.append(Bottleneck(channels, width, stride if place == 0 else 1))
                channels = 4 * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.units = nn.ModuleList(AttentionUnit(4 * width) for width, _, _ in STAGES[1:])
        features = 2 * sum(4 * width for width, _, _ in STAGES[1:])
        self.head = nn.Sequential(
            nn.Linear(features, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1)
        )

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        vectors = self._encode(torch.cat([first, second]))
        first, second = vectors.chunk(2)
        return self.head(first - second)[:, 0]

    def _encode(self, photos):
        features, vectors = self.stages[0](self.stem(photos)), []
        for stage, unit in zip(self.stages[1:], self.units, strict=True):
            features = stage(features)
            vectors.append(unit(features))
        return torch.cat(vectors, 1)


def _convolution(channels, filters, size, stride=1):
    return (
        nn.Conv2d(channels, filters, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(filters),
    )
