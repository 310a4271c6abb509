"""Chooses what a worker runs models on, and opens it."""

import ctypes
import importlib.util
import sys

from bot.classifier.serving import bounds
from bot.classifier.serving.answering import ModelAnswering
from bot.errors import ClassifierOff

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def open_device(device: str) -> ModelAnswering:
    """`device` is "auto", "cpu", "cuda" or "cuda:N"; auto is the first card if there is one, and torch to use
    it. Limits the memory of this process from then on. Raises ClassifierOff.
    """
    if device == "auto":
        device = "cuda" if cards() and importlib.util.find_spec("torch") else "cpu"
    if device == "cpu":
        return _processor()
    return _card(device)


def cards() -> int:
    """How many CUDA cards the driver has, asked of it directly: importing torch takes seconds."""
    try:
        driver = ctypes.CDLL(_DRIVER)
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def _processor() -> ModelAnswering:
    try:
        from bot.classifier.serving.runtime_onnx import OnnxRuntime
    except ImportError as error:
        text = f"onnxruntime cannot be used here ({error}). Install the bot with its extra `classify`."
        raise ClassifierOff(text) from error
    answering = ModelAnswering(OnnxRuntime(threads=bounds.cores()))
    bounds.limit_memory()
    return answering


def _card(device: str) -> ModelAnswering:
    try:
        from bot.classifier.serving.runtime_torch import NoSuchDevice, TorchRuntime
    except ImportError as error:
        text = f"torch, which a graphics card needs, cannot be used here ({error})."
        raise ClassifierOff(f"{text} Install the bot with its extra `train`.") from error
    try:
        answering = ModelAnswering(TorchRuntime(device))
    except NoSuchDevice as error:
        text = f"COHORT_CLASSIFIER_DEVICE is {device}, but {error}."
        raise ClassifierOff(text) from error
    bounds.limit_memory(bounds.MEMORY_WITH_CARD, with_card=True)
    return answering
