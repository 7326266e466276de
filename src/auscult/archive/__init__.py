"""Many or long recordings: what happens when, in runs that go on where they were stopped.

Read `run.py` first. `finding.py` says which recordings are meant, `journal.py` keeps what is done, `trial.py` opens
in a process of its own what may have ended the last one, `outputs.py` writes the files, and `unit.py` is the same work
as one function, for clusters.
"""
