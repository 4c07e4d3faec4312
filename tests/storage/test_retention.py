import threading

from mien.storage.retention import RetentionWorker


def test_purges_run_at_once_and_again_and_one_that_fails_stops_no_other() -> None:
    calls: list[str] = []
    enough = threading.Event()

    def fails() -> int:
        raise OSError("disk full")

    def counts() -> int:
        calls.append("counts")
        if len(calls) == 3:
            enough.set()
        return 1

    worker = RetentionWorker([("broken", fails), ("faces", counts)], seconds=0.01)
    worker.start()
    assert enough.wait(10)
    worker.stop()
    after = len(calls)
    assert not enough.wait(0) or len(calls) == after
