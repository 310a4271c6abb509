"""What the bot counts about itself, in Prometheus' terms."""

import re
import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

#: Discord waits for three seconds; beyond one, a member sees the wait.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
#: Interactions whose answer may still come. What is never answered must not stay here for ever.
REMEMBERED = 10_000
_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback")


class _Counts(Collector):
    def __init__(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> None:
        self._name, self._text, self._label, self._counts = name, text, label, counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for value, count in self._counts.items():
            family.add_metric([value], count)
        yield family


class Metrics:
    """Counters that the bot's parts add to, and gauges that are read when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.acknowledgement = Histogram(
            "cohort_acknowledgement_seconds",
            "From an interaction's arrival to Discord's answer to its first callback.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._gauges: dict[str, Gauge] = {}
        self._received: dict[int, float] = {}

    def gauge(self, name: str, value: float, text: str) -> None:
        """Set a gauge, made when it is first set; `name` without its prefix, with its unit."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"cohort_{name}", text, registry=self.registry)
        self._gauges[name].set(value)

    def watch(self, name: str, text: str, label: str, counts: Mapping[str, int]) -> None:
        """Tell a mapping whose counts only grow as a counter with this label, as it is when somebody asks."""
        self.registry.register(_Counts(f"cohort_{name}", text, label, counts))

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    # How long until an interaction is acknowledged.

    def received(self, interaction: discord.Interaction[Any]) -> None:
        while len(self._received) >= REMEMBERED:
            del self._received[next(iter(self._received))]
        self._received[interaction.id] = time.perf_counter()

    def trace(self, trace: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
        """Let a trace of the client's requests also notice the callbacks."""
        trace.on_request_end.append(self._on_answer)
        return trace

    async def _on_answer(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        end: aiohttp.TraceRequestEndParams,
    ) -> None:
        found = _CALLBACK.search(end.url.path)
        began = self._received.pop(int(found[1]), None) if found else None
        if began is not None and end.response.status < 400:
            self.acknowledgement.observe(time.perf_counter() - began)
