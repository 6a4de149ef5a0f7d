"""Parts and hashes of archives, without any AWS."""

from __future__ import annotations

import io
import os
from itertools import pairwise

from botocore.utils import calculate_tree_hash

from app.aws.archive_vault import MIB, tree_hash
from app.aws.objects import plan_parts


def test_parts_cover_every_byte_once() -> None:
    for size, part in ((1, 5), (10, 5), (11, 5), (7 << 30, 512 << 20)):
        parts = plan_parts(size, part)
        assert parts[0][0] == 0 and parts[-1][1] == size - 1
        assert all(last + 1 == first for (_, last), (first, _) in pairwise(parts))
    assert len(plan_parts(5 << 40, 5 << 20)) <= 10_000


def test_the_tree_hash_is_the_one_of_botocore() -> None:
    for size in (0, 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 17):
        body = os.urandom(size)
        assert size == 0 or tree_hash(body) == calculate_tree_hash(io.BytesIO(body))
