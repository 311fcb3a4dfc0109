"""Installs the chart where no `helm` is at hand: the same engine, in-process (helm-python-sdk)."""
