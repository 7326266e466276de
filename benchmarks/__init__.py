"""What is fast and what is not, measured beside a floor in the same run. See `docs/benchmarks.md` for figures."""
