"""The classifier as a Ray Serve application: `serve run bot.classifier.serve_app:build models=data/models`.

`bot.classifier.serving.remote` is its client and `bot.classifier.serving.wire` their language; the settings
for a machine of one's own stand in deploy/ray-serve.yaml. Each replica holds a runtime and the models that
were used last; Ray sends a question to a replica that has its model already. Imported by Ray alone.
"""

import asyncio
import hmac
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field
from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import JSONResponse

from bot.classifier.protocol import ModelRef, Picture, Readiness, Status, Verdict
from bot.classifier.serving import LONGEST, bounds, wire
from bot.classifier.serving.answering import ModelAnswering, Opened, Shown
from bot.classifier.serving.devices import open_device
from bot.classifier.store import ModelStore
from bot.errors import ClassifierLost, ImageFault, ImageRefused, ModelDamaged, ModelMissing, StudyError

log = logging.getLogger(__name__)

#: Models whose place Ray remembers; how many really are in memory is decided by their size.
REMEMBERED = 64
#: Seconds for reading and resizing one picture.
DECODING = 10
#: Batches in a row without an answer after which a replica counts as broken, and Ray starts another one.
BROKEN = 3
_T = TypeVar("_T")


class Arguments(BaseModel):
    """`args` in the configuration file. Replicas, queues and autoscaling are set there by Ray's own names."""

    model_config = {"extra": "forbid"}

    #: The folder of the model store; without it COHORT_MODELS, or data/models.
    models: str | None = None
    #: Of each replica: parts of a card (0: none, onnxruntime on the processor), and processors.
    gpus: float = Field(default=0, ge=0, le=1)
    cpus: float = Field(default=1, gt=0)
    #: Pictures that a model gets at once at most, and seconds that the first of them waits for the others.
    batch: int = Field(default=32, ge=1, le=256)
    batch_wait: float = Field(default=0.004, ge=0, le=1)


@dataclass(frozen=True)
class _Asked:
    model: Opened
    shown: Shown


@serve.deployment(
    name="Classifier",
    max_ongoing_requests=64,
    max_queued_requests=192,
    autoscaling_config={"min_replicas": 1, "max_replicas": 1, "target_ongoing_requests": 24},
    health_check_period_s=10,
    graceful_shutdown_timeout_s=20,
)
class Classifier:
    """One replica. `token` is what its askers must show, None for nothing."""

    def __init__(self, models: str, device: str, token: str | None, batch: int, batch_wait: float) -> None:
        self._store = ModelStore(Path(models))
        self._token = token
        self._answering: ModelAnswering = open_device(device)
        self._decoders = ThreadPoolExecutor(bounds.cores(), thread_name_prefix="decoder")
        # Models are opened one at a time.
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="opener")
        self._under_way = 0
        self._failed = 0
        batches: Any = self._batched
        batches.set_max_batch_size(batch)
        batches.set_batch_wait_timeout_s(batch_wait)

    async def __call__(self, request: Request) -> JSONResponse:
        if not self._may_ask(request):
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": wire.UNAUTHORISED}, status_code=401, headers=headers)
        answer: Callable[[Request, ModelRef], Any] | None = {
            ("POST", wire.CLASSIFY): self._classify,
            ("POST", wire.EXPLAIN): self._explain,
        }.get((request.method, request.url.path))
        if answer is None:
            if (request.method, request.url.path) == ("GET", wire.STATUS):
                return JSONResponse(wire.status_body(self._status()))
            return JSONResponse({"error": "NotFound"}, status_code=404)
        self._under_way += 1
        try:
            async with asyncio.timeout(LONGEST):
                return JSONResponse(await answer(request, wire.model_of(request.query_params)))
        except wire.BadAnswer as error:
            return JSONResponse({"error": "BadRequest", "facts": {"text": str(error)}}, status_code=400)
        except TimeoutError:
            return _refused(ClassifierLost())
        except StudyError as error:
            return _refused(error)
        finally:
            self._under_way -= 1

    async def check_health(self) -> None:
        """Called by Ray, which replaces a replica that raises: a card's driver may be lost for good."""
        if self._failed >= BROKEN:
            raise RuntimeError(f"{self._failed} batches in a row were not answered")

    def _may_ask(self, request: Request) -> bool:
        if self._token is None:
            return True
        shown = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(shown, f"Bearer {self._token}".encode())

    def _status(self) -> Status:
        return Status(
            readiness=Readiness.READY,
            device=f"{self._answering.device}, Ray Serve",
            text="",
            waiting=self._under_way,
            loaded=self._answering.loaded,
        )

    async def _classify(self, request: Request, ref: ModelRef) -> dict[str, Any]:
        shown = await self._shown(
            request, ref, exact=_claimed(request, "exact"), photo=_claimed(request, "photo")
        )
        answer: Verdict | StudyError = await self._batched(shown)
        if isinstance(answer, StudyError):
            raise _named(answer, ref)
        return wire.verdict_body(answer)

    async def _explain(self, request: Request, ref: ModelRef) -> dict[str, Any]:
        asked = await self._shown(request, ref, keep=True)
        label = request.query_params.get("label")
        picture: Picture = await asyncio.to_thread(self._answering.explain, asked.model, asked.shown, label)
        return wire.picture_body(picture)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.004, max_concurrent_batches=1)
    async def _batched(self, asked: list[_Asked]) -> list[Verdict | StudyError]:
        """In the order of `asked`, whose models may differ: a proxy may drop the header that Ray goes by."""
        answers: list[Verdict | StudyError] = [ClassifierLost() for _ in asked]
        alike: dict[str, list[int]] = {}
        for place, each in enumerate(asked):
            alike.setdefault(each.model.ref.digest, []).append(place)
        for places in alike.values():
            shown = [asked[place].shown for place in places]
            model = asked[places[0]].model
            for place, answer in zip(
                places, await asyncio.to_thread(self._answering.judge, model, shown), strict=True
            ):
                answers[place] = answer
        lost = all(isinstance(answer, ClassifierLost) for answer in answers)
        self._failed = self._failed + 1 if lost else 0
        return answers

    @serve.multiplexed(max_num_models_per_replica=REMEMBERED)  # type: ignore[untyped-decorator]
    async def _known(self, digest: str) -> ModelRef:
        """The model under its own name, once it is in memory; Ray remembers that it is here."""
        return (await self._in(self._opener, self._open, digest)).ref

    def _open(self, digest: str) -> Opened:
        manifest = self._store.manifest(digest)
        return self._answering.open(ModelRef(name=manifest.name, digest=digest), self._store.path(digest))

    def _again(self, known: ModelRef) -> Opened:
        return self._answering.open(known, self._store.path(known.digest))

    async def _opened(self, ref: ModelRef) -> Opened:
        try:
            known = await self._known(ref.digest)
            # It may have left memory since, for others that were larger.
            return await self._in(self._opener, self._again, known)
        except (ModelDamaged, ModelMissing) as error:
            raise _named(error, ref) from error

    async def _shown(self, request: Request, ref: ModelRef, **options: bool) -> _Asked:
        """The picture in the request's body as the model wants it."""
        image = await _body(request)
        model = await self._opened(ref)
        try:
            async with asyncio.timeout(DECODING):
                shown = await self._in(
                    self._decoders, partial(self._answering.prepare, model, image, **options)
                )
        except TimeoutError:
            raise ImageRefused(ImageFault.TOO_SLOW, DECODING) from None
        except MemoryError:
            raise ImageRefused(ImageFault.TOO_MUCH_MEMORY) from None
        except StudyError:
            raise
        except Exception:
            # Whatever a decoder says of a file that somebody made up: the file is what is wrong.
            log.exception("a picture was refused with an error that nobody knows")
            raise ImageRefused(ImageFault.DAMAGED) from None
        return _Asked(model, shown)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


def build(arguments: Arguments) -> Application:
    """The application, for `serve run`, `serve build` and configuration files."""
    models = Path(arguments.models or os.environ.get("COHORT_MODELS") or "data/models").absolute()
    token = os.environ.get("COHORT_CLASSIFIER_TOKEN", "").strip() or None
    options = {"num_cpus": arguments.cpus, "num_gpus": arguments.gpus}
    device = "cuda" if arguments.gpus else "cpu"
    application: Application = Classifier.options(ray_actor_options=options).bind(  # type: ignore[attr-defined]
        str(models), device, token, arguments.batch, arguments.batch_wait
    )
    return application


async def _body(request: Request) -> bytes:
    """Raises ImageRefused as soon as it is too long."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > wire.MOST_BYTES:
            raise ImageRefused(ImageFault.TOO_MANY_BYTES, wire.MOST_BYTES)
        parts.append(part)
    return b"".join(parts)


def _claimed(request: Request, name: str) -> bool:
    return request.query_params.get(name) == "1"


def _named(error: StudyError, ref: ModelRef) -> StudyError:
    """By the name that the asker has for the model."""
    return replace(error, name=ref.name) if isinstance(error, ModelDamaged | ModelMissing) else error


def _refused(error: StudyError) -> JSONResponse:
    status, body = wire.refusal(error)
    return JSONResponse(body, status_code=status)
