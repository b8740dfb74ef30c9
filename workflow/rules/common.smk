# The study and its plan, from which all rules take their inputs, outputs and params: advspectra_study/study.py and
# advspectra_study/plan/
import gc
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# What Snakemake has imported stays: a fifth of the time of a dry run went into looking through it for garbage.
gc.freeze()

# not workflow.basedir, which is that of a workflow that imports this one
if not isinstance(workflow.current_basedir, os.PathLike):
    raise WorkflowError("advspectra runs from a folder of this machine: clone its repository and give its Snakefile's path")
ROOT = Path(workflow.current_basedir).resolve().parents[1]
if {*"{}"} & {*str(ROOT)}:
    raise WorkflowError(f"{ROOT}: expected a path without braces, which Snakemake takes for wildcards; move the folder")
sys.path.insert(0, str(ROOT / "workflow/lib"))

from advspectra_study.config.load import load_config
from advspectra_study.printable import escaped
from advspectra_study.config.files import as_written
from advspectra_study.run.kept import IN_GROUP
from advspectra_study.run.machine import quote_python, share_library
from advspectra_study.plan.plan import PLANNED, Plan
from advspectra_study.run.plan_log import PlanLog
from advspectra_study.study import Study

share_library(ROOT / "workflow/lib")
quote_python()
if not config and workflow.modifier.is_main_snakefile():
    raise WorkflowError(f"no configuration: {', '.join(map(str, workflow.configfiles))}: found no keys; allowed: a whole study")
if not config:
    raise WorkflowError("no configuration: a workflow that imports advspectra as a module hands one on, `config: config`")
if workflow.modifier.modify_path("results") != "results":
    raise WorkflowError("module advspectra: expected neither `prefix` nor `replace_prefix`: results stay in results/<study>")
try:
    config.update(as_written(config, workflow.configfiles, workflow.config_settings.config))
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    validated = load_config(config, schema_path=schema, library=ROOT / "workflow/lib", files=workflow.configfiles)
    PLAN = Plan(
        Study.of(validated, ROOT / "workflow/lib"),
        root=ROOT,
        on_cluster=lambda: not workflow.local_exec,
        plans=workflow.is_main_process,
    )
    KINDS = PLAN.kinds(workflow.modifier.modify_rulename)  # a mistake in a claim, a table or a figure is an error at once
except ValueError as error:
    raise WorkflowError("\n".join(map(escaped, str(error).split("\n"))))

# A process that starts jobs, on a cluster perhaps days later, plans them anew: it must come to the plan that the run
# has had from its start on (kept.smk).
if not workflow.is_main_process and os.environ.get(PLANNED, PLAN.digest) != PLAN.digest:
    raise WorkflowError(
        "the configuration, or code that jobs run, has changed since this run of snakemake began, which has planned other "
        "results: end that run, and run snakemake again"
    )
if workflow.remote_exec:
    os.environ[IN_GROUP] = "1"

ENVIRONMENT = "../../envs/environment.yaml"


# for `--software-deployment-method apptainer`; its definition lies beside it
container: PLAN.own("envs/advspectra.sif")


if workflow.is_main_process:
    estimate, size = cache(PLAN.costs.of_job), cache(PLAN.costs.result_bytes)
    PLAN_LOG = PlanLog(
        logger,
        dag=lambda: workflow.dag,
        seconds=lambda job: estimate(KINDS.get(job.rule.name), job.wildcards.get("run"), job.wildcards.get("attack")),
        plan=lambda: workflow.dryrun,
        kind=lambda job: KINDS.get(job.rule.name),
        size=lambda job: size(KINDS.get(job.rule.name), job.wildcards.get("run"), job.wildcards.get("attack")),
    )
    logger.addFilter(PLAN_LOG)
if workflow.remote_exec:
    # Snakemake does not pass this limit of profiles/slurm on to the processes that run the jobs of a group.
    workflow.register_resource("turn", 1)
