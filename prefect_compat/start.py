"""Runs a module as a program, with few garbage collections until its work begins.

python -m prefect_compat.start MODULE [ARGUMENT...]
"""

import runpy
import sys

from prefect_compat.garbage import collect_rarely

if __name__ == "__main__":
    collect_rarely()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
