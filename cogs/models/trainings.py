"""Trainings at work in this process: who waits for them, and the messages that show how far they are.

Each has two threads and nothing that waits in the event loop: one runs the trainer and hands over what came
of it, the other lets the message follow and tells the database that the training lives.
"""

import asyncio
import contextvars
import logging
import tempfile
import threading
import time
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import discord

from bot.classifier.training.trainer import Progress, TrainedModel, TrainingJob, TrainingStopped
from bot.client import StudyBot
from bot.errors import BadTrainingSet, StudyError, TrainingFailed, TrainingFault, TrainingGone
from bot.locales import speaking
from bot.services.access import Caller
from bot.services.trainings import TrainingFacts, TrainingStarted
from bot.ui.answers import Reply
from bot.ui.downloads import save
from bot.ui.languages import of_guild
from bot.ui.models import (
    GIVEN,
    KEPT,
    cancelled_words,
    failed_words,
    interrupted_words,
    progress_reply,
    trained_reply,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Discord counts edits; a member follows the bar well enough.
EDITED_AT_MOST_EVERY = 3.0
BEAT_EVERY = 20.0
#: For what a thread asks of the event loop: requests to Discord and to the database.
LOOP_PATIENCE = 120.0
#: Larger ones Discord does not take from most members.
MOST_BYTES = 100 * 1024 * 1024
UNKNOWN_MESSAGE = 10008


@dataclass
class Run:
    """One training: what began it, its images if a file was attached, and what it last said."""

    started: TrainingStarted
    caller: Caller
    base: str | None
    images: discord.Attachment | None
    message_id: int | None = None
    progress: Progress | None = None
    over: threading.Event = field(default_factory=threading.Event)
    # One edit at a time, so that no bar comes after the end.
    editing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> int:
        return self.started.training.training_id


class LoopGone(Exception):
    """The bot stopped: nobody is left to hand anything to."""


class Trainings:
    def __init__(self, bot: StudyBot) -> None:
        self._bot = bot
        self._service = bot.services.trainings
        self._running: dict[int, Run] = {}

    def begin(self, run: Run) -> None:
        """Start its threads; from inside the event loop."""
        loop = asyncio.get_running_loop()
        self._running[run.id] = run
        for work in (self._train, self._watch):
            # With nothing of the command that began it: its log lines are not the command's, and a
            # simulated Discord does not wait for it.
            target = contextvars.Context().run
            threading.Thread(target=target, args=(work, run, loop), name=work.__name__, daemon=True).start()

    async def stop(self, training: TrainingFacts, *, by: int) -> Reply:
        """After it was cancelled: end what runs here, and what the message says from now on."""
        run = self._running.get(training.training_id)
        if run is not None:
            run.over.set()
            self._bot.trainer.cancel()
            async with run.editing:  # whatever bar is on its way
                pass
        with self._speaking(training):
            return Reply(cancelled_words(training, by=by))

    async def tend(self) -> None:
        """Tell of those that a restart ended, here or in another process."""
        for number in tuple(self._running):
            await self._service.beat(training_id=number)
        for training in await self._service.interrupted():
            with self._speaking(training):
                answer = Reply(interrupted_words(training))
            await self._say(training, training.message_id, answer)

    def _speaking(self, training: TrainingFacts) -> AbstractContextManager[None]:
        """What everybody reads of a training; no command is there any more to tell the language."""
        return speaking(of_guild(self._bot, training.guild_id))

    def _train(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        """The thread of the training itself."""
        try:
            with tempfile.TemporaryDirectory(prefix="cohort-training-") as folder:
                job = in_loop(loop, self._prepared(run, Path(folder)))
                if self._is_unwanted(run):
                    raise TrainingStopped
                trained = self._bot.trainer.run(job, lambda progress: self._heard(run, progress))
            self._tell(run, loop, self._finished(run, trained))
        except (TrainingStopped, LoopGone):
            log.info("a training was stopped", extra={"training": run.id})
        except StudyError as error:
            self._tell(run, loop, self._failed(run, error))
        except Exception as error:
            if not self._bot.released:
                log.exception("a training failed", extra={"training": run.id})
                self._tell(run, loop, self._failed(run, TrainingFailed(text=type(error).__name__)))
        finally:
            run.over.set()
            self._running.pop(run.id, None)

    def _tell(self, run: Run, loop: asyncio.AbstractEventLoop, end: Coroutine[Any, Any, None]) -> None:
        """How it ended, unless whoever stopped it has said so."""
        if self._is_unwanted(run):
            end.close()
            return
        run.over.set()
        try:
            in_loop(loop, end)
        except LoopGone:
            log.warning("a training ended after the bot", extra={"training": run.id})
        except TrainingGone:
            log.info("a training was cancelled at its end", extra={"training": run.id})
        except Exception:
            # The next tick or restart finds it without a heartbeat, and says that it was interrupted.
            log.exception("what came of a training could not be told", extra={"training": run.id})

    def _heard(self, run: Run, progress: Progress) -> None:
        run.progress = progress
        if self._is_unwanted(run):  # it was stopped just before it began
            self._bot.trainer.cancel()

    def _is_unwanted(self, run: Run) -> bool:
        return run.over.is_set() or self._bot.released

    def _watch(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        """The thread that looks at it every few seconds."""
        shown, beaten = run.progress, time.monotonic()
        try:
            while not run.over.wait(EDITED_AT_MOST_EVERY) and not self._bot.released:
                if run.progress is not shown:
                    shown = run.progress
                    in_loop(loop, self._show(run))
                if time.monotonic() - beaten >= BEAT_EVERY:
                    beaten = time.monotonic()
                    if not in_loop(loop, self._service.beat(training_id=run.id)):
                        # Cancelled through another process of the bot, which has said so.
                        run.over.set()
                        self._bot.trainer.cancel()
        except LoopGone:
            return
        except Exception:
            # The training goes on, and its end is told all the same.
            log.exception("a training is not followed any more", extra={"training": run.id})

    async def _prepared(self, run: Run, folder: Path) -> TrainingJob:
        """Fetch the images: from Discord, or those that members let their group keep."""
        file = folder / "images.zip"
        started = run.started
        if run.images is not None:
            await save(
                run.images,
                file,
                download=self._bot.download,
                limit=MOST_BYTES,
                too_large=BadTrainingSet(fault=TrainingFault.TOO_LARGE, limit=MOST_BYTES),
            )
        else:
            await self._bot.services.predictions.collect(caller=run.caller, typed=run.base or "", file=file)
        return TrainingJob(
            name=started.training.name,
            images=file,
            epochs=started.training.epochs,
            base=started.base.ref if started.base is not None else None,
            source=GIVEN if run.images is not None else KEPT,
        )

    async def _show(self, run: Run) -> None:
        async with run.editing:
            if not run.over.is_set():
                training = run.started.training
                with self._speaking(training):
                    answer = progress_reply(training, run.progress)
                await self._edit(training, run.message_id, answer)

    async def _finished(self, run: Run, trained: TrainedModel) -> None:
        model = await self._service.finish(
            training_id=run.id, digest=trained.digest, manifest=trained.manifest
        )
        with self._speaking(run.started.training):
            answer = await trained_reply(self._bot.painter, model, trained.manifest)
        async with run.editing:
            await self._say(run.started.training, run.message_id, answer)

    async def _failed(self, run: Run, error: StudyError) -> None:
        log.info("a training ended", extra={"training": run.id, "error": repr(error)})
        failed = await self._service.fail(training_id=run.id, error=repr(error))
        with self._speaking(failed):
            answer = Reply(failed_words(failed, error))
        async with run.editing:
            await self._say(failed, run.message_id, answer)

    async def _say(self, training: TrainingFacts, message_id: int | None, answer: Reply) -> None:
        """In place of the progress; where that message was deleted, in a new one."""
        if await self._edit(training, message_id, answer):
            return
        channel = self._bot.get_partial_messageable(training.channel_id, guild_id=training.guild_id)
        arguments: dict[str, Any] = {"view": answer.view} if answer.view is not None else {}
        try:
            await channel.send(
                answer.content,
                embeds=list(answer.embeds),
                files=list(answer.files),
                allowed_mentions=answer.allowed_mentions,
                **arguments,
            )
        except discord.HTTPException as error:
            log.warning("the end of a training was not told", extra={"code": error.code})

    async def _edit(self, training: TrainingFacts, message_id: int | None, answer: Reply) -> bool:
        """Whether the message is still there. The channel's own way to it: the command's ends after fifteen
        minutes.
        """
        if message_id is None:
            return False
        channel = self._bot.get_partial_messageable(training.channel_id, guild_id=training.guild_id)
        try:
            await channel.get_partial_message(message_id).edit(
                content=answer.content,
                embeds=list(answer.embeds),
                attachments=list(answer.files),
                view=answer.view,
                allowed_mentions=answer.allowed_mentions,
            )
        except discord.HTTPException as error:
            log.warning("a training’s message was not edited", extra={"code": error.code})
            return error.code != UNKNOWN_MESSAGE
        return True


def in_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """From a thread: do this in the event loop and wait for it. Raises LoopGone when there is none."""
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:
        work.close()
        raise LoopGone from error
    try:
        return future.result(LOOP_PATIENCE)
    except (TimeoutError, asyncio.CancelledError) as error:
        future.cancel()
        raise LoopGone from error
