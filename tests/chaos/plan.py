"""What a run is to do, what came of it, and which goals that meets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

#: The ways without all that protects: neither nonce nor mark; a nonce, but nothing that outlasts it.
Naive = Literal["", "lease", "nonce"]
#: The goals of figures 1 and 2.
DELIVERIES, KILLS, STOPS, OUTAGES, DATABASE_CRASHES, FAULTED = 10_000, 1_000, 100, 20, 50, 0.3
LATE_SECONDS, LATE_AFTER_A_CRASH_SECONDS = 1.5, 5.0


@dataclass(frozen=True)
class Plan:
    """What is to happen; with one seed the same moments are chosen, though machines differ in speed.

    After the chaos comes calm: `calm` deliveries, one every `calm_seconds / calm`, tell how late one is when
    nothing fails, and `measured_crashes` crashes in a network that is well how late it is after one.
    """

    deliveries: int = 200
    kills: int = 20
    stops: int = 3
    outages: int = 3
    database_crashes: int = 0
    seed: int = 1
    processes: int = 1
    lease_seconds: float = 3.0
    faults: float = FAULTED
    #: When processes die: while Discord has the message and they not the answer; before that; at any time.
    moments: tuple[str, ...] = ("ghost", "late", "anywhere")
    naive: Naive = ""
    calm: int = 0
    calm_seconds: float = 10.0
    measured_crashes: int = 0
    #: Whether every process imports for itself, or most are forked from one that has imported everything.
    cold: bool = False
    #: When the rounds end though kills are left.
    minutes: float = float("inf")


@dataclass
class Lateness:
    """Seconds from due to accepted by Discord."""

    seconds: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Of all that were measured, this share was no later; 0 when there are none."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

    def __str__(self) -> str:
        if not self.seconds:
            return "not measured"
        return (
            f"median {self.quantile(0.5):.2f} s, p99 {self.quantile(0.99):.2f} s, "
            f"latest {max(self.seconds):.2f} s of {len(self.seconds)}"
        )


@dataclass
class Figure:
    """What happened, as the stand-in saw it."""

    plan: Plan
    database: str
    planned: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)
    stops: int = 0
    outages: int = 0
    database_crashes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    sends: int = 0
    faulted_sends: int = 0
    nonce_hits: int = 0
    retries: int = 0
    late: Lateness = field(default_factory=Lateness)
    late_after_a_kill: Lateness = field(default_factory=Lateness)
    late_after_a_database_crash: Lateness = field(default_factory=Lateness)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    #: How each doubled one came about: what was asked of its channel, and when Discord forgot its nonces.
    stories: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unsettled or self.violations)

    @property
    def faulted(self) -> float:
        """The share of all attempts to create a message that met a fault."""
        return self.faulted_sends / self.sends if self.sends else 0.0

    @property
    def goals(self) -> dict[str, bool]:
        """Each goal of figures 1 and 2 that this run can speak about, and whether it is met."""
        limit = self.plan.lease_seconds + LATE_AFTER_A_CRASH_SECONDS
        goals = {
            "0 lost": not (self.lost or self.unsettled),
            "0 doubled": not self.doubled,
            f"{DELIVERIES:,} deliveries": self.planned >= DELIVERIES,
            f"{KILLS:,} SIGKILL": self.kills.total() >= KILLS,
            f"{STOPS} SIGSTOP longer than the lease": self.stops >= STOPS,
            f"{OUTAGES} outages beyond the nonce window": self.outages >= OUTAGES,
            # Of what chance decides, half a point less is what was asked for.
            f"{FAULTED:.0%} of sends faulted": self.faulted >= FAULTED - 0.005,
        }
        if self.database == "PostgreSQL":
            goals[f"{DATABASE_CRASHES} PostgreSQL crashes"] = self.database_crashes >= DATABASE_CRASHES
        if self.late.seconds:
            goals[f"p99 at most {LATE_SECONDS} s late"] = self.late.quantile(0.99) <= LATE_SECONDS
        for lateness, cause in (
            (self.late_after_a_kill, "a SIGKILL"),
            (self.late_after_a_database_crash, "a PostgreSQL crash"),
        ):
            if lateness.seconds:
                goals[f"at most {limit:g} s late after {cause}"] = max(lateness.seconds) <= limit
        return goals

    def __str__(self) -> str:
        ways = {"": "", "lease": ", NAIVE: lease alone", "nonce": ", NAIVE: nonce alone"}[self.plan.naive]
        wrong = [
            f"{name}: {', '.join(values[:10])}"
            for name in ("lost", "doubled", "unsettled", "violations")
            if (values := getattr(self, name))
        ]
        met = [goal for goal, is_met in self.goals.items() if is_met]
        missed = [goal for goal, is_met in self.goals.items() if not is_met]
        return "\n".join(
            [
                f"chaos on {self.database}, {self.plan.processes} process(es), seed {self.plan.seed}{ways}: "
                f"{self.planned:,} deliveries, {self.kills.total():,} SIGKILL ({_listed(self.kills)}), "
                f"{self.stops} SIGSTOP of {self.plan.lease_seconds + 0.5:g} s, "
                f"{self.outages} outages beyond the nonce window, "
                f"{self.database_crashes} PostgreSQL crashes,",
                f"  {self.faulted:.1%} of {self.sends:,} sends faulted ({_listed(self.faults)}), "
                f"{self.retries:,} deliveries tried again, {self.nonce_hits} sends met their nonce, "
                f"{_listed(self.starts)} starts:",
                f"  {len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.unsettled)} unsettled, "
                f"in {self.seconds:.0f} s",
                f"  late when nothing fails: {self.late}",
                f"  late after a SIGKILL: {self.late_after_a_kill}",
                f"  late after a PostgreSQL crash: {self.late_after_a_database_crash}",
                f"  goals met: {'; '.join(met) or 'none'}",
                f"  goals missed, or asked for less: {'; '.join(missed) or 'none'}",
                *(f"  {line}" for line in [*wrong, *self.stories]),
            ]
        )


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted((+counted).items())) or "none"
