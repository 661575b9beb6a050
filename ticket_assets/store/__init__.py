"""One file per asset and day, in a folder or a bucket."""
