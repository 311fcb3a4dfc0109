"""A stand-in for LEAN's launcher, for tests only: not LEAN, nothing of LEAN's code, never shipped.

It has the command line, the files, the timing and the exit codes of QuantConnect's image as far as they are documented, and
runs the strategies of the engine `bars`. The parameter `scenario` makes it do something else than a plain run. If its algorithm
is Backfleet's driver of warm packs, it runs that against an imitation of the names that the driver calls.
"""
