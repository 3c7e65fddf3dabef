"""Which workers are kept from one trial to the next.

Starting a worker takes four seconds of a core. Ray Tune keeps the one of a trial that has ended
only while no trial waits for another reservation. On a cluster every node is a reservation of its
own, so that nearly every trial would have a new worker.
"""

from collections.abc import Generator, Hashable
from typing import Any

from ray.tune.utils.object_cache import _ObjectCache


class KeptWorkers(_ObjectCache):
    """Keeps every worker until the end of the step after the one in which its trial ended.

    In that step Ray Tune asks for the next trial, which takes it if it reserves the same. After
    that, a worker is kept as Ray Tune keeps it: for a trial that waits, or as the only one.
    """

    def __init__(self, may_keep_one: bool = True) -> None:
        super().__init__(may_keep_one)
        self._new: set[Any] = set()

    def cache_object(self, key: Hashable, obj: Any) -> bool:
        """Keep a worker whose trial has ended, with what that reserved as its key."""
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        self._new.add(obj)
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Generator[Any, None, None]:
        """Yield the workers that are kept no longer; called at the end of every step."""
        is_anyone_awaited = any(self._max_num_objects.values())
        for key, workers in self._cached_objects.items():
            most = 0 if force_all else self._max_num_objects[key]
            going = [one for one in workers if force_all or one not in self._new]
            for worker in going[: max(0, len(workers) - most)]:
                is_the_only_one = self._num_cached_objects == 1 and not is_anyone_awaited
                if is_the_only_one and self._may_keep_one and not force_all:
                    break
                workers.remove(worker)
                self._num_cached_objects -= 1
                yield worker
        self._new.clear()
