"""One file per asset and day, in a local folder or a bucket.

A write goes one way: `split` a run's output by day, `encode` each day, `publish` the files.
"""
