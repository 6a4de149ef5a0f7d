"""What the API says of a job is what its documented model would be written as."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from app.domain.jobs import Fault, Job, Status, Tier, job_id
from app.web.api.models import JobOut, job_out

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LINE_FAULTS = st.lists(
    st.fixed_dictionaries({"line": st.integers(1, 9), "column": TEXT, "reason": TEXT, "text": TEXT}), max_size=2
)
JOBS = st.builds(
    Job,
    user_id=st.just("u"),
    job_id=st.builds(job_id, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10)),
    status=st.sampled_from(Status),
    tier=st.sampled_from(Tier),
    fault=st.none() | st.sampled_from(Fault),
    file_name=TEXT,
    tags=st.frozensets(TEXT),
    note=TEXT,
    finished_at=st.none() | st.integers(0, 2**48),
    line=st.none() | st.integers(1, 9),
    faults=st.just("") | LINE_FAULTS.map(json.dumps),
    skip_bad=st.booleans(),
)


@given(JOBS)
def test_a_job_is_written_as_its_model(job: Job) -> None:
    assert json.loads(json.dumps(job_out(job))) == json.loads(JobOut.model_validate(job).model_dump_json())
