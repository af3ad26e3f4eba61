"""Waiting inside an allocation of a cluster: it holds what others could use meanwhile."""

from collections.abc import Mapping

from carbonwait.stories.planning import Forethought


def allocation_warning(thought: Forethought, environ: Mapping[str, str]) -> str | None:
    """What to do instead of waiting here, None if nothing is held or the job starts at once."""
    if thought.plan.start <= thought.now:
        return None
    # Imported late: most runs are in no allocation.
    from datetime import UTC, datetime

    start = thought.plan.start
    job = environ.get("SLURM_JOB_ID") or environ.get("SLURM_JOBID")
    if job:
        # sbatch knows no zones: it takes the time of the cluster, which is that of this node.
        begin = datetime.fromtimestamp(start, thought.local)
        where = f"Slurm job {job}"
        how = f"sbatch --begin={begin:%Y-%m-%dT%H:%M:%S}"
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        where = "a Kubernetes pod"
        resume = datetime.fromtimestamp(start, UTC)
        how = f"a suspended Job, resumed at {resume:%Y-%m-%dT%H:%M:%SZ},"
    else:
        return None
    return (
        f"waiting inside {where} holds resources that others could use; "
        f"submit the start time instead: {how} with carbonwait run --now"
    )
