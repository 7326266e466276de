"""Many or long recordings: what happens when, in runs that go on where they were stopped.

Read `run.py` first. `finding.py` says which recordings are meant. `journal.py` keeps how far a run has come,
`results.py` what it found, both in the file of `store.py`. `trial.py` opens in a process of its own what may have ended
the last one. `outputs.py`, `making.py` and `summary.py` are what comes out. `unit.py` is the same work as one function,
for clusters.
"""
