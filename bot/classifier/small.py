"""The small body: residual, for pictures of some thirty pixels and machines without a graphics card."""

from torch import Tensor, nn

#: Channels of the stem and after each block; the second and third block halve height and width.
CHANNELS = (24, 24, 48, 96)


class Residual(nn.Module):
    """Two 3 × 3 convolutions and a shortcut around them (He et al., 2015, arXiv:1512.03385)."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.act = nn.ReLU(inplace=True)
        self.shortcut = (
            nn.Identity()
            if channels_in == channels_out and stride == 1
            else nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        out: Tensor = self.act(y + self.shortcut(x))
        return out


def small_body(channels: int) -> nn.Sequential:
    """From N × channels × H × W to N × 96 × ⌈H/4⌉ × ⌈W/4⌉; about 173,000 weights, not pre-trained.

    fastai takes it as the first part of a model: `nn.Sequential(small_body(1), create_head(96, labels))`.
    """
    stem, *widths = CHANNELS
    blocks = [
        Residual(before, after, stride=1 if number == 0 else 2)
        for number, (before, after) in enumerate(zip(CHANNELS, widths, strict=False))
    ]
    return nn.Sequential(
        nn.Conv2d(channels, stem, 3, padding=1, bias=False),
        nn.BatchNorm2d(stem),
        nn.ReLU(inplace=True),
        *blocks,
    )
