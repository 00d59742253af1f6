"""Exactly once while processes are killed, stopped and woken, at the moments that matter."""

import signal

import pytest

PARTITIONS = 4
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def once(seen, count):
    assert len(seen) == count
    assert {source: times for source, times in seen.items() if times != 1} == {}


def remembered(space, count, wait_until):
    """Each copier knew what its predecessors had committed, and nothing else: no number is missing, none came twice."""
    each = count // PARTITIONS
    wait_until(lambda: sum(map(len, space.remembered()[1].values())) >= PARTITIONS * (each // 100), 60, *space.copiers)
    numbers, marks = space.remembered()
    assert numbers == {partition: list(range(each)) for partition in range(PARTITIONS)}
    assert marks == {partition: list(range(each // 100)) for partition in range(PARTITIONS)}


def test_killed_three_times_in_mid_stream(space, wait_until):
    """Before the offsets are handed in, before the commit, and after it."""
    count = 12_000
    space.fill(count)
    for step in ("offsets", "commit", "committed"):
        copier = space.copier("--signal", "KILL", "--at", step, "--after", "4")
        assert copier.finish(signal.SIG_DFL, 60) == -signal.SIGKILL
        assert copier.kinds()["committed"] in (3, 4)
        assert len(space.sources()) < count
    last = space.copier()
    once(space.await_copied(count), count)
    remembered(space, count, wait_until)
    assert last.finish() == 0


def test_a_restart_under_its_instance_id_takes_over_at_once(space):
    space.fill(2000)
    first = space.copier("--instance", "a", "--signal", "KILL", "--at", "commit", "--after", "2")
    assert first.finish(signal.SIG_DFL, 60) == -signal.SIGKILL
    second = space.copier("--instance", "a")
    once(space.await_copied(2000), 2000)
    assert "waiting" not in second.kinds()
    assert second.finish() == 0


@pytest.mark.parametrize("step", ["offsets", "commit"])
def test_a_zombie_commits_nothing_twice(space, step, wait_until):
    """Stopped in the middle of a transaction for longer than its session, woken when another has its partitions."""
    count = 6000
    space.fill(count)
    # Its transaction outlives its session: only the group's fence stands between it and a double commit.
    zombie = space.copier("--signal", "STOP", "--at", step, "--after", "3", "--transaction-timeout-ms", "15000")
    zombie.await_stopped()
    heir = space.copier()
    if step == "commit":
        once(space.await_copied(count), count)
    else:
        wait_until(lambda: heir.kinds()["waiting"] or heir.kinds()["assigned"], 60, heir)
    zombie.process.send_signal(signal.SIGCONT)
    once(space.await_copied(count), count)
    wait_until(lambda: zombie.kinds()["aborted"] + zombie.kinds()["rebuilt"] > 0, 60, zombie)
    space.fill(400)
    once(space.await_copied(count + 400), count + 400)
    remembered(space, count + 400, wait_until)
    assert heir.finish() == 0
    assert zombie.finish() == 0


def test_three_started_together_share_the_work(space, wait_until):
    count = 20_000
    space.fill(count)
    copiers = [space.copier() for _ in range(3)]
    wait_until(lambda: all(copier.kinds()["assigned"] for copier in copiers), 60, *copiers)
    space.fill(4000)
    once(space.await_copied(count + 4000), count + 4000)
    remembered(space, count + 4000, wait_until)
    assert [copier.finish() for copier in copiers] == [0, 0, 0]
    once(space.sources(), count + 4000)
