# Results that a run is about to make anew are kept until the new ones are whole: see advspectra_study/kept.py.
from advspectra_study.kept import Kept

KEPT_RESULTS = Kept()


onstart:
    refuse_missing_device()
    KEPT_RESULTS.keep(workflow)


onsuccess:
    KEPT_RESULTS.give_back(workflow)


onerror:
    KEPT_RESULTS.give_back(workflow)
