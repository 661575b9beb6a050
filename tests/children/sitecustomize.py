"""Read by every Python process that a test starts: its garbage is collected seldom.

An import of Prefect makes half a million objects, which Python visits again and again while it
imports, and twice when it exits. Without that, `import prefect_compat.flow.build` and the end of
its process take 1.7 s instead of 3.0 s. It has no effect on what a process does.
"""

import atexit
import gc

gc.set_threshold(200_000, 20, 100)
atexit.register(gc.freeze)
