"""Every role may do exactly what its daemons' code calls: read from the code, call by call, and compared with the plan.

A daemon's module is followed into the services that it uses and from there into the adapters of `app.aws`, the only code
that speaks to AWS. What is found is compared as pairs of an IAM action and the thing that it is done to.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from app.local.topology import load

ROOT = Path(__file__).parent.parent.parent.parent
CONSUMERS = {queue["consumer"]: name for name, queue in load()["queues"].items()}
STARTS = {
    **{verb: (f"workers/{verb}.py",) for verb in CONSUMERS},
    "doctor": ("app/services/doctor.py",),
    "web": tuple(str(file.relative_to(ROOT)) for file in sorted((ROOT / "app" / "web").rglob("*.py"))),
}
ADAPTERS = {
    "jobs": ("app/aws/jobs.py", "Jobs"),
    "accounts": ("app/aws/accounts.py", "Accounts"),
    "inputs": ("app/aws/objects.py", "Bucket"),
    "results": ("app/aws/objects.py", "Bucket"),
    "queues": ("app/aws/queues.py", "Queues"),
    "topics": ("app/aws/queues.py", "Topics"),
    "mail": ("app/aws/mail.py", "Mail"),
}
ARCHIVES = {"s3": ("app/aws/archive_s3.py", "S3Archive"), "glacier": ("app/aws/archive_vault.py", "VaultArchive")}
CLIENTS = {"dynamodb": "dynamodb", "s3": "s3", "sqs": "sqs", "sns": "sns", "glacier": "glacier", "ses": "sesv2"}

# what the runtime does with a consumer's own queue
CONSUME = {"receive", "change_visibility", "delete", "dead_letter", "put_off"}

# operations of S3 whose IAM action has another name, or that need more than one; * are the objects in the bucket.
# HEAD and GET of a missing object answer 403 to who may not list the bucket, and the code waits for 404.
S3_ACTIONS = {
    "HeadObject": {"s3:GetObject*", "s3:ListBucket"},
    "GetObject": {"s3:GetObject*", "s3:ListBucket"},
    "ListObjectsV2": {"s3:ListBucket"},
    "DeleteObjects": {"s3:DeleteObject*"},
    "PutObject": {"s3:PutObject*"},
    "CreateMultipartUpload": {"s3:PutObject*"},
    "UploadPart": {"s3:PutObject*"},
    "UploadPartCopy": {"s3:GetObject*", "s3:PutObject*"},
    "CompleteMultipartUpload": {"s3:PutObject*"},
    "AbortMultipartUpload": {"s3:AbortMultipartUpload*"},
    "CopyObject": {"s3:GetObject*", "s3:PutObject*"},
    "RestoreObject": {"s3:RestoreObject*"},
    "generate_presigned_post": {"s3:PutObject*"},
    "generate_presigned_url": {"s3:GetObject*"},
}
TRANSACTION = {"ConditionCheck": "ConditionCheckItem", "Update": "UpdateItem", "Put": "PutItem", "Delete": "DeleteItem"}

# what is done beside a daemon's code, or by no adapter of a table, queue or bucket: the portal's unit reads its secret when it
# starts, `gas check` looks how SES stands
BESIDE_THE_CODE = {
    "web": {("secretsmanager:GetSecretValue", "web")},
    # what workers/finish.py publishes of the states that a daemon brings a job to: a table, which calls are not followed through
    "annotate": {("sns:Publish", "job_results"), ("autoscaling:SetInstanceHealth", "group annotate")},
    "archive": {("sns:Publish", "job_results")},
    "thaw": {("sns:Publish", "results_restored")},
    "notify": {("ses:GetEmailIdentity", "mail"), ("ses:GetAccount", "*")},
}

Permission = tuple[str, str]


@cache
def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


@cache
def operations(service: str) -> dict[str, str]:
    """Client method → operation of a service, as botocore names them."""
    return {xform_name(name): name for name in Loader().load_service_model(service, "service-2")["operations"]}


def functions(tree: ast.AST) -> dict[str, ast.AST]:
    return {node.name: node for node in ast.iter_child_nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def methods(adapter: tuple[str, str]) -> dict[str, ast.AST]:
    path, name = adapter
    return functions(next(node for node in parsed(path).body if isinstance(node, ast.ClassDef) and node.name == name))


def attribute(node: ast.AST) -> str:
    """The last name of `a.b.c`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def literal(call: ast.Call, position: int) -> str | None:
    found = call.args[position] if len(call.args) > position else None
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None


@cache
def imports(path: str) -> dict[str, tuple[str, str]]:
    """File, and name in it or empty for a whole module, by local name, of what a file imports from the project."""
    found = {}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("app", "workers"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}".replace(".", "/") + ".py"
                file, name = (whole, "") if (ROOT / whole).exists() else (node.module.replace(".", "/") + ".py", alias.name)
                if (ROOT / file).exists():
                    found[alias.asname or alias.name] = file, name
    return found


@cache
def reached(starts: tuple[str, ...]) -> frozenset[tuple[str, ast.AST]]:
    """Every function that these files have, and those of services and workers that they lead to."""
    todo = [(path, node) for path in starts for node in parsed(path).body]
    seen: set[tuple[str, ast.AST]] = set()
    while todo:
        path, node = todo.pop()
        if (path, node) in seen or not path.startswith(("app/explorer/", "app/services/", "app/web/", "workers/")):
            continue
        seen.add((path, node))
        known = imports(path)
        own = {item.name: item for item in parsed(path).body if hasattr(item, "name")}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in own:
                todo.append((path, own[inner.id]))
            elif isinstance(inner, ast.Name) and inner.id in known:
                file, name = known[inner.id]
                todo += [(file, item) for item in parsed(file).body if name and getattr(item, "name", None) == name]
            elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id in known:
                file, _ = known[inner.value.id]
                todo += [(file, item) for item in parsed(file).body if getattr(item, "name", None) == inner.attr]
    return frozenset(seen)


def derived(verb: str, backend: str) -> set[Permission]:
    """What a daemon's code calls, as IAM actions on things of the topology."""
    adapters = ADAPTERS | {"archive": ARCHIVES[backend]}
    found: set[Permission] = set(BESIDE_THE_CODE.get(verb, ()))
    for path, node in reached(STARTS[verb]):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Attribute) and attribute(inner.value) in adapters:
                adapter = attribute(inner.value)
                if adapter not in ("queues", "topics") and inner.attr in methods(adapters[adapter]):
                    found |= called(adapters[adapter], inner.attr, "results" if adapter == "archive" else adapter)
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                adapter, method = attribute(inner.func.value), inner.func.attr
                if adapter in ("queues", "topics") and method in methods(adapters[adapter]):
                    names = [literal(inner, 0)] if literal(inner, 0) else queue_names(path)
                    found |= {found for name in names for found in called(adapters[adapter], method, str(name))}
    if verb in CONSUMERS:
        queue = ("app/aws/queues.py", "Queue")
        found |= called(ADAPTERS["queues"], "open", CONSUMERS[verb])
        found |= {found for method in CONSUME for found in called(queue, method, CONSUMERS[verb])}
        if any(looks_again(node) for _, node in reached(STARTS[verb])):
            found |= called(ADAPTERS["queues"], "send", CONSUMERS[verb])
    return found


def looks_again(node: ast.AST) -> bool:
    """Whether a function asks the runtime to send its message afresh."""
    raised = (inner.exc for inner in ast.walk(node) if isinstance(inner, ast.Raise))
    return any(isinstance(error, ast.Call) and attribute(error.func) == "Reschedule" for error in raised)


def queue_names(path: str) -> list[str]:
    """The queues that a file names, for a call that gets the name from elsewhere in it."""
    strings = {node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant)}
    return sorted(strings & set(load()["queues"]))


@cache
def called(adapter: tuple[str, str], method: str, target: str) -> frozenset[Permission]:
    """What a method of an adapter calls, itself and by its helpers."""
    found: set[Permission] = set()
    node = methods(adapter)[method]
    for inner in ast.walk(node):
        if not isinstance(inner, ast.Attribute):
            continue
        client, owner = attribute(inner.value), methods(adapter)
        if client == "self" and inner.attr in owner and inner.attr != method:
            found |= called(adapter, inner.attr, target)
        elif client == "reads":  # app.aws.items
            found.add(("dynamodb:BatchGetItem", target))
        elif client == "bucket" and inner.attr in methods(ADAPTERS["results"]):
            found |= called(ADAPTERS["results"], inner.attr, target)
        elif client in CLIENTS and (inner.attr in operations(CLIENTS[client]) or inner.attr in S3_ACTIONS):
            operation = operations(CLIENTS[client]).get(inner.attr, inner.attr)
            found |= permissions(client, operation, target, node)
    helpers = {attribute(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
    if "transacted" in helpers:
        found |= set(in_transaction(node, target))
    if "updated" in helpers:
        found.add(("dynamodb:UpdateItem", target))
    if "batch_get" in helpers:
        found.add(("dynamodb:BatchGetItem", target))
    if "batch_get_tables" in helpers:
        found |= {("dynamodb:BatchGetItem", table) for table in (target, "accounts")}
    for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and attribute(inner.func) == "pages"):
        index = next((word.value.value for word in call.keywords if word.arg == "IndexName"), "")  # type: ignore[attr-defined]
        operation = operations("dynamodb")[str(literal(call, 1))]
        found.add((f"dynamodb:{operation}", f"{target}/index/{index}" if index else target))
    return frozenset(found)


def permissions(client: str, operation: str, target: str, node: ast.AST) -> set[Permission]:
    if client == "s3":
        return {(action.rstrip("*"), target + "/*" * action.endswith("*")) for action in S3_ACTIONS[operation]}
    if operation == "TransactWriteItems":
        return set(in_transaction(node, target))
    if client == "sqs":
        to_dead = operation == "GetQueueUrl" or ("dead_letter_url" in ast.unparse(node) and operation == "SendMessage")
        action = operation.removesuffix("Batch")
        return {(f"sqs:{action}", target + load()["dead_letter"]["suffix"] * to_dead)}
    return {(f"{client}:{operation}", {"glacier": "archives", "ses": "mail"}.get(client, target))}


def in_transaction(method: ast.AST, target: str) -> Iterator[Permission]:
    """What a transaction's items do, and to which table."""
    for item in (inner for inner in ast.walk(method) if isinstance(inner, ast.Dict)):
        for key, value in zip(item.keys, item.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in TRANSACTION and isinstance(value, ast.Dict):
                said = ast.unparse(value)
                yield f"dynamodb:{TRANSACTION[key.value]}", "accounts" if "self.accounts_table" in said else target


def granted(policy: str) -> set[Permission]:
    """A planned policy as pairs of an action and a thing of the topology."""
    return {
        (action, thing(resource))
        for statement in json.loads(policy)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def thing(arn: str) -> str:
    if arn == "*":
        return arn
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[5]
    match service:
        case "dynamodb":
            return rest.removeprefix("table/").partition("_")[2]
        case "s3":
            bucket, _, key = rest.partition("/")
            return bucket.split("-")[2] + ("/*" if key else "")
        case "ses":
            return "mail"
        case "autoscaling":
            return f"group {rest.rpartition('-')[2]}"
        case "secretsmanager":
            return rest.rpartition("/")[2].partition("-")[0]
    return rest.partition("_")[2]


@pytest.fixture
def policies(deployment: Any) -> dict[str, str]:
    return {re.split(r'["\]]', address)[-3]: values["policy"] for address, values in deployment.applied("aws_iam_policy").items()}


@pytest.mark.parametrize("verb", STARTS)
def test_daemon_may_do_what_it_calls_and_no_more(deployment: Any, policies: dict[str, str], verb: str) -> None:
    allowed, needed = granted(policies[verb]), derived(verb, deployment.backend)
    assert {"never called": allowed - needed, "not granted": needed - allowed} == {"never called": set(), "not granted": set()}


def test_bundles_are_read_where_jobs_are_annotated_genes_looked_up_and_their_age_is_watched(
    deployment: Any, policies: dict[str, str]
) -> None:
    tiers = {tier: json.loads(said)["gas_daemons"] for tier, said in deployment.output("deployments").items()}
    read = {tier for tier in tiers if "/bundles/*" in policies[f"host-{tier}"]}
    assert read == {tier for tier, daemons in tiers.items() if {"annotate", "doctor", "web"} & set(daemons)}


def test_a_reference_is_written_beside_the_doctor_if_its_clinvar_is_renewed_and_nowhere_else(
    deployment: Any, policies: dict[str, str]
) -> None:
    """`gas reference renew` uploads files and manifest, in parts if they are large (S3Store.put); it reads as every host does."""
    writing = {
        name: {(action, arn.partition(":::")[2]) for action in statement["Action"] for arn in statement["Resource"]}
        for name, policy in policies.items()
        for statement in json.loads(policy)["Statement"]
        if any("/bundles/" in arn for arn in statement["Resource"]) and set(statement["Action"]) != {"s3:GetObject"}
    }
    there = re.search(r"gas-releases-\d+", policies["host-utility"])
    assert there
    prefix = f"{there[0]}/bundles/grch38/*"
    wanted = {("s3:PutObject", prefix), ("s3:AbortMultipartUpload", prefix)}
    assert writing == ({"renew": wanted} if deployment.renewing else {})
    assert ("renew" in policies) == deployment.renewing


def test_objects_are_granted_by_their_prefix(policies: dict[str, str]) -> None:
    """Nobody may touch a key outside of the key scheme."""
    arns = {
        arn.partition(":::")[2].partition("/")[2]
        for verb, policy in policies.items()
        if not verb.startswith("host-")
        for statement in json.loads(policy)["Statement"]
        for arn in statement["Resource"]
        if ":s3:::" in arn and "/" in arn and "-results-" in arn
    }
    assert arns <= {"results/*", "archive/*"}


def test_wildcards_have_reasons(deployment: Any, policies: dict[str, str]) -> None:
    reasons = deployment.output("wildcard_reasons")
    for name, policy in policies.items():
        for statement in json.loads(policy)["Statement"]:
            assert not any("*" in action for action in statement["Action"]), name
            assert ("*" in statement["Resource"]) == (statement["Sid"] in reasons[name]), (name, statement["Sid"])


def test_actions_exist(policies: dict[str, str]) -> None:
    """IAM takes any word for an action, and lets nobody do what it does not know."""
    # Session Manager's agent speaks a protocol that is in no model
    beside = {"dynamodb:ConditionCheckItem", "ssm:UpdateInstanceInformation"}
    beside |= {action.rstrip("*") for actions in S3_ACTIONS.values() for action in actions}
    for policy in policies.values():
        for action in (action for statement in json.loads(policy)["Statement"] for action in statement["Action"]):
            service, _, operation = action.partition(":")
            if service != "ssmmessages" and action not in beside:
                assert operation in operations(CLIENTS.get(service, service)).values(), action


# what an instance does beside its daemons, and where that is to be seen: a file of the project with the words, or the manual
BOOT, AGENT_CONFIGURATION = "terraform/modules/fleet/boot.sh.tftpl", "ansible/roles/common/templates/cloudwatch-agent.json.j2"
AGENT = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/create-iam-roles-for-cloudwatch-agent.html"
SESSIONS = "https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html"
ON_HOSTS = {
    "s3:GetObject": (BOOT, "aws s3 cp"),
    "autoscaling:CompleteLifecycleAction": (BOOT, "aws autoscaling complete-lifecycle-action"),
    "logs:CreateLogStream": (AGENT_CONFIGURATION, "log_stream_name"),
    "logs:DescribeLogStreams": (AGENT, ""),
    "logs:PutLogEvents": (AGENT_CONFIGURATION, "collect_list"),
    "cloudwatch:PutMetricData": (AGENT_CONFIGURATION, "metrics_collected"),
    "ssm:UpdateInstanceInformation": (SESSIONS, ""),
    **{f"ssmmessages:{verb}{what}Channel": (SESSIONS, "") for verb in ("Create", "Open") for what in ("Control", "Data")},
}


def test_hosts_may_do_what_they_do_and_no_more(policies: dict[str, str]) -> None:
    hosts = {name: {action for action, _ in granted(said)} for name, said in policies.items() if name.startswith("host-")}
    assert len(hosts) == 3
    assert {name: set(actions) ^ set(ON_HOSTS) for name, actions in hosts.items()} == {name: set() for name in hosts}
    for action, (source, words) in ON_HOSTS.items():
        assert source.startswith("https://docs.aws.amazon.com/") or words in (ROOT / source).read_text(), action
    # the agent asks EC2 for what its dimensions name, if they are its own
    assert "${aws:" not in (ROOT / AGENT_CONFIGURATION).read_text()


def test_tiers_have_the_policies_of_their_daemons(deployment: Any) -> None:
    attached: dict[str, set[str]] = {}
    for values in deployment.applied("aws_iam_role_policy_attachment").values():
        policy = values["policy_arn"].rpartition("/")[2].removeprefix(f"gas-{deployment.environment}-")
        attached.setdefault(values["role"].removeprefix(f"gas-{deployment.environment}-"), set()).add(policy)
    expected = {
        tier: set(json.loads(said)["gas_daemons"]) | {f"host-{tier}"} for tier, said in deployment.output("deployments").items()
    }
    if deployment.renewing:
        expected["utility"].add("renew")
    assert attached == expected
    assert not deployment.planned("aws_iam_user") and not deployment.planned("aws_iam_access_key")
