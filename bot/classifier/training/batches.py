"""Grey pictures that are already in memory, as fastai's batches."""

import numpy as np
import torch
from fastai.data.core import DataLoaders
from fastai.data.transforms import IntToFloatTensor
from fastai.torch_core import TensorCategory, TensorImageBW, set_seed
from fastai.vision.augment import PadMode, aug_transforms

#: Pictures (uint8, N × height × width), and for each the place of its label (N integers).
Labelled = tuple[np.ndarray, np.ndarray]


class Pictures:
    """What fastai calls a dataset: one picture and its label at a time."""

    def __init__(self, pictures: Labelled) -> None:
        images, labels = pictures
        self.images = torch.from_numpy(images)[:, None]
        self.labels = torch.from_numpy(labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[TensorImageBW, TensorCategory]:
        return TensorImageBW(self.images[number]), TensorCategory(self.labels[number])


def loaders(train: Labelled, valid: Labelled, *, labels: int, batch: int, seed: int) -> DataLoaders:
    """Batches of floats, 0 to 1. Those to train on are turned, zoomed and warped a little by fastai's
    `aug_transforms`; none is mirrored, for that makes another character of many. Seeds every generator that
    fastai asks: it draws the order of the batches from the one that is current when they are made.
    """
    set_seed(seed)
    dls = DataLoaders.from_dsets(
        Pictures(train),
        Pictures(valid),
        bs=batch,
        num_workers=0,
        device=torch.device("cpu"),
        after_batch=[
            IntToFloatTensor(),
            *aug_transforms(
                do_flip=False,
                max_rotate=12,
                max_zoom=1.15,
                max_warp=0.15,
                p_lighting=0,
                pad_mode=PadMode.Zeros,
            ),
        ],
    )
    dls.c = labels
    return dls
