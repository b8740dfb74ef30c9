# Results that a run is about to replace are kept until the new ones are complete: advspectra_study/run/kept.py
import atexit

from advspectra_study.run.kept import Kept
from advspectra_study.run.machine import lift_rate_limit, require_device, warn_of_bfloat16

KEPT_RESULTS = Kept()


def begin():
    os.environ[PLANNED] = PLAN.digest
    require_device(PLAN.study.runs, PLAN.study.compute.device, workflow, KINDS)
    warn_of_bfloat16(PLAN.study.runs, PLAN.study.compute.device, workflow, KINDS)
    lift_rate_limit(workflow)
    KEPT_RESULTS.keep(workflow)


onstart:
    begin()


onsuccess:
    KEPT_RESULTS.give_back(workflow)


onerror:
    KEPT_RESULTS.give_back(workflow)


# Of a workflow that another one imports, Snakemake (9.27) runs no handlers.
if workflow.is_main_process and not workflow.modifier.is_main_snakefile():
    PLAN_LOG.begin = begin
    atexit.register(KEPT_RESULTS.give_back, workflow)
