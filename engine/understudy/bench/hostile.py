"""Attacks on an engine for a while, with a good client beside them that should notice nothing."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from understudy.bench.attacks import ATTACKS, SLOW, BreachError
from understudy.bench.engine import OwnEngine, heard
from understudy.client import connect
from understudy.errors import UnderstudyError
from understudy.progress import OnProgress, Progress, ignore_progress

__all__ = ["HostileResult", "attack_engine"]

_FAST_THREADS = 3
_SLOW_THREADS = 3
_CALL_EVERY_S = 0.05
_LOOK_EVERY = 20
_SETTLE_S = 12.0


@dataclass
class HostileResult:
    """What the attackers got, and what a good client and the engine felt of it.

    Attributes:
        seconds: How long it took.
        attacks: How often each was made.
        breaches: What one of them got: empty when all were refused.
        unfinished: Attacks that other attacks pushed out at the door.
        calls: Calls of the good client.
        failures: Those of them that failed, and why.
        median_ms: Of the good client's calls.
        p99_ms: The slowest but one in a hundred.
        worst_ms: The slowest.
        worst_connect_ms: The slowest of its new connections, one each second.
        resident_mb: The engine's memory before, at most, and after.
        descriptors: The engine's open files before and after.
        threads: The engine's threads before and after.
    """

    seconds: float = 0.0
    attacks: dict[str, int] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)
    unfinished: int = 0
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    median_ms: float = 0.0
    p99_ms: float = 0.0
    worst_ms: float = 0.0
    worst_connect_ms: float = 0.0
    resident_mb: tuple[float, ...] = ()
    descriptors: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


def attack_engine(target: OwnEngine, seconds: float, on_progress: OnProgress = ignore_progress) -> HostileResult:
    """Attacks an engine in every way that `attacks` knows.

    The attackers are another process, so that the good client's times are the engine's and not theirs.

    Args:
        target: The engine; it should have nothing else to do.
        seconds: How long; each kind of attack is made at least once.
        on_progress: Told once a second; False ends it early.
    """
    target.engine.hello()
    before = target.descriptors(), target.threads(), target.resident_mb()
    result, started = HostileResult(), time.monotonic()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    attackers = context.Process(target=_attack_until_told, args=(target.runtime, theirs), daemon=True)
    attackers.start()
    theirs.close()
    heard(ours)
    peak = _be_a_good_client(target, seconds, result, on_progress)
    ours.send("stop")
    result.attacks, result.breaches, result.unfinished = heard(ours)
    attackers.join()
    _settle(target, before)
    result.seconds = time.monotonic() - started
    result.resident_mb = (before[2], peak, target.resident_mb())
    result.descriptors = (before[0], target.descriptors())
    result.threads = (before[1], target.threads())
    return result


def _be_a_good_client(target: OwnEngine, seconds: float, result: HostileResult, on_progress: OnProgress) -> float:
    """Calls twenty times a second and connects once a second; returns the engine's largest memory."""
    times, connects, peak = [], [], target.resident_mb()
    end = time.monotonic() + seconds
    calls = itertools.cycle([target.engine.hello, target.engine.jobs])
    for count in itertools.count(1):
        left = end - time.monotonic()
        if left <= 0:
            break
        times.append(_timed(next(calls), result))
        if count % _LOOK_EVERY == 0:
            connects.append(_timed(lambda: connect("good client").close(), result))
            peak = max(peak, target.resident_mb())
            if not on_progress(Progress("attacking", seconds - left, seconds, f"{len(result.failures)} calls failed")):
                break
        time.sleep(_CALL_EVERY_S)
    result.calls = len(times) + len(connects)
    result.median_ms = statistics.median(times)
    result.p99_ms = sorted(times)[int(0.99 * (len(times) - 1))]
    result.worst_ms = max(times)
    result.worst_connect_ms = max(connects, default=0.0)
    return peak


def _timed(call: Any, result: HostileResult) -> float:
    start = time.perf_counter()
    try:
        call()
    except UnderstudyError as error:
        result.failures.append(error.message)
    return (time.perf_counter() - start) * 1000


def _settle(target: OwnEngine, before: tuple[int, int, float]) -> None:
    """The engine's deadlines pass: the last of its connections end."""
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline and (target.descriptors() > before[0] or target.threads() > before[1]):
        time.sleep(0.1)


def _attack_until_told(runtime: Path, told: Any) -> None:
    """The attackers' process: threads that attack one way after the other."""
    stop, lock = threading.Event(), threading.Lock()
    made: Counter[str] = Counter()
    breaches: list[str] = []
    unfinished: Counter[str] = Counter()

    def attack(names: list[str], seed: int) -> None:
        dice = random.Random(seed)
        for name in itertools.cycle(names):
            if stop.is_set() and len(made) == len(ATTACKS):
                return
            try:
                ATTACKS[name](runtime, dice)
            except BreachError as breach:
                with lock:
                    breaches.append(f"{name}: {breach}")
            except (EOFError, OSError, UnderstudyError):
                with lock:
                    unfinished[name] += 1
            except Exception as error:
                with lock:
                    breaches.append(f"{name}: a fault of the attack itself: {error!r}")
            with lock:
                made[name] += 1

    fast, slow = [name for name in ATTACKS if name not in SLOW], sorted(SLOW)
    threads: list[threading.Thread] = []
    for count, names in ((_FAST_THREADS, fast), (_SLOW_THREADS, slow)):
        for index in range(count):
            turned = names[index * len(names) // count :] + names[: index * len(names) // count]
            threads.append(threading.Thread(target=attack, args=(turned, len(threads))))
    for thread in threads:
        thread.start()
    told.send("ready")
    with contextlib.suppress(EOFError):
        told.recv()
    stop.set()
    for thread in threads:
        thread.join()
    told.send((dict(made), breaches, unfinished.total()))
