"""Benchmarks: `python -m tests.benchmarks [NAME…]`, each a module here with a `run()`.

A benchmark compares two things side by side in one run, prints the ratio's median and spread, and
returns whether its floor held. Ordinary tests assert no times.
"""
