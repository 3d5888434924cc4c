"""Batches between memory, spool and gateway, without threads."""

import errno
import os
import random
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pytest
from sweepworks import sender as sender_module
from sweepworks.bounded_spool import BoundedSpool
from sweepworks.connection import Connection
from sweepworks.sender import Sender
from sweepworks.spool import Spool
from sweepworks.uploads import Uploads
from sweepworks.wire import Flush, ReportRecord, decode_flush, encode_flush


class Gateway:
    """A connection to one that takes everything, unless it is busy: then it says for how long."""

    def __init__(self) -> None:
        self.levels: list[int] = []
        self.busy: str | None = None
        self.meanwhile: Callable[[], None] = lambda: None  #: what a script does, once

    def request(self, *request: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        if self.busy is not None:
            return 503, {"retry-after": self.busy}, {}
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        flush = decode_flush(request[2])
        self.levels += [report.level for report in flush.reports]
        return 200, {}, {"acked": flush.sequence}


class World:
    """A sender, what it sends from and to, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.gateway = Gateway()
        self.spool = Spool.create(folder, "w")
        self.sender = Sender(
            cast("Connection", self.gateway),
            self.spool,
            on_control=lambda _: None,
            say=lambda _, sentence: self.said.append(sentence),
        )

    def record(self, sequence: int, *, is_spooled: bool = True) -> None:
        batch = a_report(sequence)
        if is_spooled:
            self.spool.append(sequence, batch, durable=True)
        assert self.sender.add(sequence, batch, is_spooled=is_spooled)

    def shrink(self) -> None:
        bound = BoundedSpool(
            self.spool,
            10,
            sender=self.sender,
            say=lambda _, sentence: self.said.append(sentence),
        )
        bound.look()
        bound.wait()


def a_report(sequence: int) -> bytes:
    report = ReportRecord(level=sequence, values={"v": 1.0}, time_us=1)
    return encode_flush(Flush(writer="w", sequence=sequence, run="r", reports=[report]))


@pytest.fixture
def world(tmp_path: Path) -> Generator[World, None, None]:
    made = World(tmp_path)
    yield made
    made.spool.close()


def test_a_gateway_that_is_away_changes_no_random_numbers_of_the_script(world: World) -> None:
    world.record(1)
    world.gateway.busy = "1"
    before = random.getstate()

    world.sender.pump()

    assert random.getstate() == before


def test_what_cannot_be_read_back_does_not_count_as_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_MEMORY_BYTES", 0)
    for sequence in (1, 2, 3):
        world.record(sequence)
    content = bytearray(world.spool.path.read_bytes())
    content[len(content) // 2] ^= 1
    world.spool.path.write_bytes(content)

    world.sender.pump()
    world.record(4)
    world.sender.pump()

    assert world.gateway.levels == [1]
    assert world.sender.acknowledged == 1
    assert not world.sender.is_idle, "else the file would be deleted"
    assert world.spool.path.read_bytes().startswith(content)
    (why,) = world.said
    assert f"{world.spool.path} is damaged in its midst" in why


def test_what_was_left_out_for_want_of_room_is_not_waited_for(world: World) -> None:
    points = encode_flush(
        Flush(
            writer="w",
            sequence=2,
            run="r",
            series={"loss": 1},
            steps=bytes(8),
            times=bytes(8),
            values=bytes(8),
        )
    )
    world.record(1)
    world.spool.append(2, points, durable=True)
    world.sender.add(2, points)

    world.shrink()
    world.sender.pump()

    assert world.gateway.levels == [1]
    assert world.sender.is_idle


def test_a_report_does_not_overtake_a_checkpoint_that_is_kept_meanwhile(
    world: World, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "model.bin"
    checkpoint.write_bytes(b"weights")
    uploads = Uploads(
        "r",
        connection=None,
        spool=world.spool,
        is_away=lambda: True,
        patience_seconds=0.1,
        limit_bytes=100,
        beat=lambda: None,
        say=lambda _, sentence: world.said.append(sentence),
    )

    def script() -> None:
        uploads.store(checkpoint, "model.bin", "checkpoint")
        world.record(2)

    world.record(1)
    world.gateway.meanwhile = script
    world.sender.pump(may_go=uploads.let_go)

    assert world.gateway.levels == [1]
    assert world.said == []


@pytest.mark.parametrize("is_disk_full", [True, False])
def test_what_is_in_memory_alone_is_sent_in_order_after_shrinking(
    world: World, monkeypatch: pytest.MonkeyPatch, is_disk_full: bool
) -> None:
    world.record(1)
    world.record(2, is_spooled=False)
    world.record(3)

    with monkeypatch.context() as full:
        if is_disk_full:
            full.setattr(os, "fsync", no_space)
        world.shrink()
    world.sender.pump()
    world.record(4)
    world.sender.pump()

    assert world.gateway.levels == [1, 2, 3, 4]
    assert world.sender.is_idle


def no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("said", "at_most"),
    [("31536000", 120), ("9" * 400, 120), ("²", 1), ("٣", 1), ("-5", 1), ("soon", 1), ("7", 7)],
)
def test_how_long_a_proxy_makes_wait_has_a_bound(world: World, said: str, at_most: float) -> None:
    world.gateway.busy = said
    world.record(1)

    began = time.monotonic()
    world.sender.pump()

    assert world.sender._not_before - began <= at_most + 1
    assert world.gateway.levels == []
