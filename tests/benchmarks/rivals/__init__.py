"""The same model that costs nothing, behind other people's servers: what the batcher is measured beside.

Both are set up for speed, as far as documentation and source tell how, and both get the image as a raw body,
so that neither decodes JSON or forms: the same bytes, batches up to the same size, the same answer as ours.
"""

MOST = 64


def label_of(image: bytes) -> str:
    """What the model sees in a picture."""
    return "even" if len(image) % 2 == 0 else "odd"
