"""Makes every generated file of the repository from its source: `python -m hack.generate`."""
