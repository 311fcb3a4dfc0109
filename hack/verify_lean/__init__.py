"""Runs LEAN's image through the engine `lean` and compares the outcomes with the rules of docs/lean.md."""
