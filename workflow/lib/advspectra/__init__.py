"""Results of a study in Python: open_study, read_arrays. They are imported when they are asked for, not before.

Keep it at that: a file that only has `__getattr__` is no code of the workflow's jobs (advspectra_study.fingerprint).
"""


def __getattr__(name: str):
    if name not in ("open_study", "read_arrays"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from advspectra import study

    return getattr(study, name)
