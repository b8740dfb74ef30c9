# `snakemake repair` is `snakemake`, but makes anew what `snakemake verify` calls damaged, or made otherwise than the
# study would now, whatever Snakemake itself remembers. Results from before stay until the new ones are whole: kept.smk.
from advspectra_study.repair import to_repair


def to_make_anew(wildcards):
    """Have Snakemake make these results anew, as `--forcerun` does, for which they may be too many."""
    try:
        found = to_repair(RESULTS, expected_results())
    except RuntimeError as error:
        raise WorkflowError(str(error))
    workflow.dag.forcefiles.update(found)
    return found


rule repair:
    input:
        lambda wildcards: rules.all.input,
        to_make_anew,
