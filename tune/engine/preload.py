"""What a worker of our own Ray imports before anybody asks for it.

Python's collector looks at every object again and again while hundreds of thousands that stay are
made: a tenth of the time of these imports. Frozen, they are not looked at after every trial either.
"""

import gc

gc.disable()

import tune.engine.worker  # noqa: E402, F401 (after the collector is off)

gc.freeze()
gc.enable()
