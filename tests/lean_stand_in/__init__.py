"""A stand-in for LEAN's launcher, for tests only: not LEAN, nothing of LEAN's code, never shipped.

It has the command line, the files, the timing and the exit codes of QuantConnect's image as far as they are documented, and
runs the strategies of the engine `bars`. What it is told to do instead of a plain run is the parameter `scenario`.
"""
