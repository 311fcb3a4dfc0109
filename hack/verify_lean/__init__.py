"""Runs LEAN's image through the engine `lean` and compares what comes out with what docs/lean.md says."""
