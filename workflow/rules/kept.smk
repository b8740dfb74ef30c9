# Results that a run is about to replace are kept until the new ones are complete: advspectra_study/run/kept.py
from advspectra_study.run.kept import Kept
from advspectra_study.run.machine import lift_rate_limit, require_device, warn_of_bfloat16

KEPT_RESULTS = Kept()


onstart:
    os.environ[PLANNED] = PLAN.digest
    require_device(PLAN.study.runs, PLAN.study.compute.device, workflow)
    warn_of_bfloat16(PLAN.study.runs, PLAN.study.compute.device, workflow)
    lift_rate_limit(workflow)
    KEPT_RESULTS.keep(workflow)


onsuccess:
    KEPT_RESULTS.give_back(workflow)


onerror:
    KEPT_RESULTS.give_back(workflow)
