"""The schemas of jobs."""

from typing import Literal

from w1bench_server.jobs.job import Job
from w1bench_server.web.api.schemas.base import Part

JobQueue = Literal["build", "score", "sealed"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
_RESULTS = {"build": "/v1/pairs/", "score": "/v1/submissions/", "sealed": "/v1/submissions/"}


class JobProgress(Part):
    """The progress of a job."""

    done: int
    total: int
    unit: str


class JobRow(Part):
    """A job: its work, progress and outcome; `result` is the path of its pair or submission, without the public URL."""

    id: str
    queue: JobQueue
    pair: str
    user: str
    state: JobState
    reason: str | None
    progress: JobProgress | None
    attempts: int
    created_at: str
    started_at: str | None
    ended_at: str | None
    result: str | None


class JobPage(Part):
    """A page of the jobs, the newest first; `next` is the cursor of the following one."""

    jobs: list[JobRow]
    next: str | None


def job_row(job: Job) -> JobRow:
    """The row of a job."""
    progress = JobProgress.of(job.progress) if job.progress.total else None
    return JobRow.of(job, progress=progress, result=_RESULTS[job.queue] + job.result if job.result else None)
