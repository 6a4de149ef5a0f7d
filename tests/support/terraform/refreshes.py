"""Instance refreshes of autoscaling groups, which moto lacks: served by it over HTTP like everything else.

A refresh goes through the states that the group's tag `refresh` names (`InProgress Failed`), one each time that somebody looks,
and stays in the last; without the tag it is Successful at the first look. Once it is, every instance has the version of the
launch template that the group names. Source: API_InstanceRefresh and API_StartInstanceRefresh of Amazon EC2 Auto Scaling.
"""

from __future__ import annotations

from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

UNDER_WAY = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")
REASONS = {"Failed": "Instances failed to launch.", "Cancelled": "Cancelled by a person.", "RollbackSuccessful": "It failed."}


class InstanceRefreshInProgress(AutoscalingClientError):
    code = "InstanceRefreshInProgress"
    message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."


class ActiveInstanceRefreshNotFound(AutoscalingClientError):
    code = "ActiveInstanceRefreshNotFound"
    message = "No in progress or pending Instance Refresh found."


def install() -> None:
    """Gives moto's autoscaling the three operations, and instances a version that they keep."""
    AutoScalingResponse.start_instance_refresh = start  # type: ignore[attr-defined]
    AutoScalingResponse.cancel_instance_refresh = cancel  # type: ignore[attr-defined]
    AutoScalingResponse.describe_instance_refreshes = describe  # type: ignore[attr-defined]
    InstanceState.launch_template = property(launched)  # type: ignore[assignment]


def start(handler: AutoScalingResponse) -> ActionResult:
    group, known = _asked(handler)
    if known and known[0]["Status"] in UNDER_WAY:
        raise InstanceRefreshInProgress
    tags = {tag["Key"]: tag["Value"] for tag in group.tags}
    refresh = {
        "InstanceRefreshId": f"{group.name}-{len(known)}",
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "states": iter(tags.get("refresh", "Successful").split()),
    }
    known.insert(0, refresh)
    return ActionResult({"InstanceRefreshId": refresh["InstanceRefreshId"]})


def cancel(handler: AutoScalingResponse) -> ActionResult:
    _, known = _asked(handler)
    if not known or known[0]["Status"] not in UNDER_WAY:
        raise ActiveInstanceRefreshNotFound
    known[0] |= {"Status": "Cancelled", "states": iter(())}
    return ActionResult({"InstanceRefreshId": known[0]["InstanceRefreshId"]})


def describe(handler: AutoScalingResponse) -> ActionResult:
    group, known = _asked(handler)
    for refresh in known[:1]:
        refresh["Status"] = next(refresh["states"], refresh["Status"])
        refresh["StatusReason"] = REASONS.get(refresh["Status"])
        refresh["PercentageComplete"] = 100 if refresh["Status"] == "Successful" else 0
        if refresh["Status"] == "Successful":
            for state in group.instance_states:
                state.version = _version(group)  # type: ignore[attr-defined]
    shown = [{name: value for name, value in refresh.items() if name != "states"} for refresh in known]
    return ActionResult({"InstanceRefreshes": shown})


def launched(state: Any) -> dict[str, str] | None:
    """What an instance was launched from, which stays so until a refresh replaces it."""
    group = state.auto_scaling_group
    if group is None or group.ec2_launch_template is None:
        return None
    if not hasattr(state, "version"):
        state.version = _version(group)
    template = group.ec2_launch_template
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": state.version}


def _asked(handler: AutoScalingResponse) -> tuple[FakeAutoScalingGroup, list[dict[str, Any]]]:
    """The group that a request names, and its refreshes, the newest first."""
    name = handler._get_param("AutoScalingGroupName")
    group = handler.autoscaling_backend.autoscaling_groups[name]
    return group, group.__dict__.setdefault("refreshes", [])


def _version(group: FakeAutoScalingGroup) -> str:
    return str(group.launch_template_version)
