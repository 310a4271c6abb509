"""Training with fastai, in a process of its own."""
