"""The fence on a real Postgres: who holds it, how its loss shows, and what wakes the holder."""

import threading
import time

import pytest
from sqlalchemy import Engine

from backfleet.core.errors import FenceLost, SpecInvalid, Unavailable
from backfleet.store.postgres import fence as fences
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.urls import parse_url
from tests.support.changes import INSTALLATION, Life, append_outcome, attempt, batch, launch, recorded
from tests.support.databases import Database
from tests.support.proxy import Proxy

pytestmark = pytest.mark.postgres


def test_two_operators_of_an_installation_exclude_each_other(database: Database, fence: Fence) -> None:
    other = Fence(database.operator_url, INSTALLATION)
    assert fence.acquire() == 1
    assert other.acquire() is None
    assert (fence.is_held(), other.is_held()) == (True, False)
    fence.close()
    assert other.acquire() == 2
    assert (fence.is_held(), other.is_held()) == (False, True)
    other.close()


def test_installations_do_not_exclude_each_other(database: Database, fence: Fence) -> None:
    other = Fence(database.operator_url, "another")
    assert fence.acquire() == 1
    assert other.acquire() == 1
    other.close()


def test_acquiring_again_starts_a_new_epoch(fence: Fence) -> None:
    assert [fence.acquire(), fence.acquire()] == [1, 2]
    fence.close()
    fence.close()
    assert fence.acquire() == 3


def test_a_holder_that_was_cut_off_cannot_save_any_more(database: Database, life: Life, fence: Fence) -> None:
    life.save()
    database.terminate_connections()
    other = Fence(database.operator_url, INSTALLATION)
    assert other.acquire() == 2
    with pytest.raises(FenceLost, match="got 2"):
        life.save(total=9)
    assert not fence.is_held()
    other.close()


def test_acquiring_waits_for_a_save_that_is_under_way(database: Database, life: Life) -> None:
    life.save()
    with life.engine.begin() as connection:
        fences.check_epoch(connection, INSTALLATION, life.epoch)
        database.terminate_connections("backfleet-fence")
        other = Fence(database.operator_url, INSTALLATION)
        with pytest.raises(Unavailable, match="lock timeout"):
            other.acquire()
        assert not other.is_held()


def test_an_outcome_wakes_the_holder(database: Database, life: Life, fence: Fence) -> None:
    life.save(launch(attempt()))
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(fence.wait(10)))
    waiting.start()
    started = time.monotonic()
    append_outcome(database.recorder_url, attempt().id, recorded())
    waiting.join(10)
    assert woken == [True]
    assert time.monotonic() - started < 5
    assert fence.wait(0) is False


def test_a_notification_that_another_statement_reads_off_the_socket_is_not_lost(
    database: Database, life: Life, fence: Fence
) -> None:
    life.save(launch(attempt()))
    append_outcome(database.recorder_url, attempt().id, recorded())
    assert fence.is_held()
    assert fence.wait(0) is True


def test_a_thread_that_waited_before_the_fence_was_held_is_woken_too(
    database: Database, engine: Engine, fence: Fence
) -> None:
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(fence.wait(20)))
    waiting.start()
    time.sleep(0.1)
    epoch = fence.acquire()
    assert epoch is not None
    Life(engine, epoch, batch()).save(launch(attempt()))
    started = time.monotonic()
    append_outcome(database.recorder_url, attempt().id, recorded())
    waiting.join(20)
    assert woken == [True]
    assert time.monotonic() - started < 10


def test_waiting_ends_at_its_time_whether_held_or_not(fence: Fence) -> None:
    started = time.monotonic()
    assert fence.wait(0.05) is False
    fence.acquire()
    assert fence.wait(0.05) is False
    assert 0.1 <= time.monotonic() - started < 5


def test_a_broken_connection_is_noticed_while_waiting(database: Database, fence: Fence) -> None:
    fence.acquire()
    database.terminate_connections()
    started = time.monotonic()
    assert fence.wait(0.2) is False
    assert time.monotonic() - started < 5
    assert not fence.is_held()


def test_closing_wakes_a_waiting_thread_that_then_only_waits(fence: Fence) -> None:
    fence.acquire()
    waiting = threading.Thread(target=lambda: fence.wait(0.3))
    waiting.start()
    fence.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_postgres_that_is_away_is_unavailable(database: Database) -> None:
    with database.behind_proxy() as proxy:
        fence = Fence(proxy.url_of(database.operator_url), INSTALLATION)
        proxy.cut()
        with pytest.raises(Unavailable, match="acquiring the fence"):
            fence.acquire()
        proxy.restore()
        assert fence.acquire() == 1
        proxy.cut()
        assert not fence.is_held()


def test_a_server_that_stays_silent_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backfleet.store.postgres.connection.ANSWER_SLACK_SECONDS", -4.5)
    with database.behind_proxy() as proxy:
        fence = Fence(proxy.url_of(database.operator_url), INSTALLATION)
        assert fence.acquire() == 1
        proxy.freeze()
        assert not fence.is_held()


def test_a_pooler_before_postgres_is_refused(database: Database) -> None:
    def pretend(chunk: bytes) -> bytes:
        # BackendKeyData: K, length 12, the process id, the secret. A pooler sends its own.
        at = chunk.find(b"K\x00\x00\x00\x0c")
        return chunk if at < 0 else chunk[: at + 5] + b"\x00\x00\x00\x07" + chunk[at + 9 :]

    with Proxy.before(database.server.url, pretend) as proxy:
        fence = Fence(proxy.url_of(database.operator_url), INSTALLATION)
        with pytest.raises(SpecInvalid, match="pooler"):
            fence.acquire()
    assert Fence(database.operator_url, INSTALLATION).acquire() == 1


def test_the_lock_is_64_signed_bits_and_differs_by_installation() -> None:
    keys = {fences.lock_key(name) for name in ("a/b", "a/c", "")}
    assert len(keys) == 3
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_a_url_that_cannot_be_used_is_refused_before_connecting() -> None:
    with pytest.raises(SpecInvalid):
        Fence("mysql://user:secret@host/db", INSTALLATION)
    assert parse_url("postgres://u:p@h/db").port == 5432
