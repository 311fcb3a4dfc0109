"""Installs the chart without a `helm` program, with the same engine in this process (helm-python-sdk)."""
