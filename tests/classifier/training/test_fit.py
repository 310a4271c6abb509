"""What fastai is told to do, in this process: bodies, heads, learning rates, and the same model twice."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bot.classifier.architectures import build_body, from_fastai, head_of_fastai
from bot.classifier.exporting import compare, graph_of
from bot.classifier.manifest import Architecture, Input, Normalisation, ResizeMethod
from bot.classifier.store import SHIPPED
from bot.classifier.training import archive, collecting, files, fit, making, planning, testing, weights
from bot.classifier.training.collecting import Split
from bot.classifier.training.jobs import Assignment, Progress, Stage
from bot.classifier.training.planning import Plan
from bot.errors import TrainingFailed
from tests.classifier.training.sets import shapes, written

# fastai 2.8 says so when it loads the weights that its learning-rate finder put aside.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.core is deprecated")

PROCESSOR = torch.device("cpu")
ASSIGNMENT = Assignment(
    name="shapes", images="", epochs=1, base=None, base_digest=None, architecture=None, source="drawn",
    licence="CC0", seed=0, network=False, device="cpu", niceness=0, work="", out="", backbones=None,
    digits=None,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "FEWEST_STEPS", 8)
    monkeypatch.setattr(fit, "FEWEST_BATCHES", 2)
    monkeypatch.setattr(fit, "FEWEST_SMALL_BATCHES", 3)


def collected(tmp_path: Path, plan: Plan) -> collecting.Collected:
    path = written(tmp_path / "images.zip", shapes(8, seed=5, kinds=("circle", "cross")))
    with archive.opened(path) as source:
        return collecting.collect(
            source, files.survey(source), tmp_path / "work", plan.input, on_image=lambda done, of: None
        )


def fitted(plan: Plan, images: Split, tmp_path: Path, *, heard: list[Progress] | None = None) -> fit.Fitted:
    return fit.fit(
        plan,
        images,
        ("circle", "cross"),
        epochs=1,
        seed=4,
        work=tmp_path,
        device=PROCESSOR,
        cores=1,
        report=heard.append if heard is not None else lambda progress: None,
    )


def from_digits() -> Plan:
    base = weights.start_from_bundle(SHIPPED / "digits", weights.read_manifest(SHIPPED / "digits")[1])
    return planning.from_base(base, lambda: ())


def test_a_backbone_is_frozen_then_all_of_it_learns(tmp_path):
    torch.manual_seed(0)
    plan = Plan(
        architecture=Architecture(name="resnet18"),
        input=Input(mode="RGB", size=(32, 32), resize=ResizeMethod.SQUISH),
        normalisation=Normalisation(mean=weights.MEAN, std=weights.STD),
        start=weights.Start(body=build_body("resnet18", 3), name="random", licence=""),
    )
    before = {name: tensor.clone() for name, tensor in plan.start.body.state_dict().items()}
    found = collected(tmp_path, plan)
    images = collecting.split(found.items, seed=0)
    heard: list[Progress] = []
    trained = fitted(plan, images, tmp_path, heard=heard)

    # Early layers, later layers, head: each slower than the next.
    rates = [group["lr"] for group in trained.learn.opt.hypers]
    assert len(rates) == 3
    assert rates[0] < rates[1] < rates[2]
    after = trained.learn.model[0].state_dict()
    assert not torch.equal(before["0.weight"], after["0.weight"])
    assert [progress.stage for progress in heard] == sorted(
        (progress.stage for progress in heard), key=list(Stage).index
    )
    assert (heard[-1].done, heard[-1].seconds_left) == (heard[-1].of, 0)
    assert heard[-1].accuracy is not None

    manifest = making.describe(ASSIGNMENT, plan, found, images, trained.repeats)
    net = from_fastai(trained.learn.model, manifest)
    assert compare(net, graph_of(net, manifest), testing.shown(images.test)) < 1e-4


def test_the_net_says_what_the_learner_says(tmp_path):
    """From the file to the logits: what is exported sees the same pixels and has the same weights."""
    plan = from_digits()
    found = collected(tmp_path, plan)
    images = collecting.split(found.items, seed=0)
    trained = fitted(plan, images, tmp_path)
    net = from_fastai(trained.learn.model, making.describe(ASSIGNMENT, plan, found, images, 1))
    said, _ = trained.learn.get_preds(dl=trained.learn.dls.valid)

    seen = testing.outputs(net, images.valid, found.labels, device=PROCESSOR, on_image=lambda more: None)
    powers = np.exp(seen.logits - seen.logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), said.numpy(), atol=1e-5)


def test_the_same_seed_gives_the_same_model(tmp_path):
    models = []
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        plan = from_digits()
        images = collecting.split(collected(tmp_path / place, plan).items, seed=0)
        models.append(fitted(plan, images, tmp_path / place).learn.model.state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_what_a_base_knows_of_a_label_is_kept(tmp_path):
    """Rows of the last layer follow the labels, whatever their order; new labels begin anew."""
    plan = from_digits()
    labels = ("7", "new", "0")
    images = collecting.split(collected(tmp_path, plan).items, seed=0)
    dls = fit.loaders(plan, images, ("circle", "cross"), batch=8, work=tmp_path, device=PROCESSOR, cores=1)
    learn = fit.learner(plan, dls, labels, work=tmp_path)
    head = head_of_fastai(learn.model)[2]
    last = plan.head["head.1.linear.weight"]
    assert torch.equal(head["head.0.linear.weight"], plan.head["head.0.linear.weight"])
    assert torch.equal(head["head.1.linear.weight"][0], last[7])
    assert torch.equal(head["head.1.linear.weight"][2], last[0])
    assert not fit.is_known(plan, labels)
    assert fit.is_known(plan, ("3", "1"))


def test_weights_that_ran_away_are_no_model(tmp_path, monkeypatch):
    plan = from_digits()
    images = collecting.split(collected(tmp_path, plan).items, seed=0)
    monkeypatch.setattr(fit, "RATES", (1e30, 1e30))
    with pytest.raises(TrainingFailed) as failed:
        fitted(plan, images, tmp_path)
    assert "ran away" in failed.value.text


def test_a_card_without_enough_memory_gets_smaller_batches(tmp_path, monkeypatch):
    asked = []

    def short(*arguments):
        asked.append(arguments[8])
        if len(asked) < 4:
            raise torch.cuda.OutOfMemoryError
        return "done"

    monkeypatch.setattr(fit, "_fit", short)
    monkeypatch.setattr(fit, "batch_size", lambda *facts: 64)
    plan = from_digits()
    images = Split(train=(), valid=(), test=())
    assert fitted(plan, images, tmp_path) == "done"
    assert asked == [64, 32, 16, 8]


@pytest.mark.parametrize(
    ("trained", "name", "device", "expected"),
    [
        (6, "small", "cpu", 8), (104, "small", "cpu", 16), (4000, "small", "cpu", 32),
        (4000, "resnet34", "cpu", 16), (4000, "resnet34", "cuda", 64), (40, "resnet34", "cuda", 8),
    ],
)  # fmt: skip
def test_batches_are_as_large_as_is_good(trained, name, device, expected):
    plan = Plan(
        architecture=Architecture(name=name),
        input=Input(mode="RGB", size=(32, 32), resize=ResizeMethod.SQUISH),
        normalisation=None,
        start=weights.Start(body=torch.nn.Identity(), name="", licence=""),
    )
    batch = fit.batch_size(plan, trained, torch.device(device))
    assert batch == expected
    batches = fit.repeats(plan, trained, batch) * trained // batch
    assert batches >= (fit.FEWEST_SMALL_BATCHES if name == "small" else fit.FEWEST_BATCHES)
