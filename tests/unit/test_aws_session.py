"""How AWS's client is made lighter: what it is driven by, and how it reads answers."""

from __future__ import annotations

import botocore.loaders
import botocore.model

from app.aws.botocore_tuning import SERVICES, JsonResponseParserFactory, loader


def test_descriptions_are_botocores_own_without_what_no_call_reads() -> None:
    ours, theirs = loader(), botocore.loaders.create_loader()
    for service in ("dynamodb", "s3", "sqs", "sns", "sesv2", "glacier"):
        lean, whole = (one.load_service_model(service, "service-2") for one in (ours, theirs))
        assert lean["operations"].keys() == whole["operations"].keys()
        for name, shape in whole["shapes"].items():
            assert lean["shapes"][name].get("members", {}).keys() == shape.get("members", {}).keys(), name
        assert "<p>" not in str(lean)
    lean, whole = (one.load_data("endpoints") for one in (ours, theirs))
    for ours_of, theirs_of in zip(lean["partitions"], whole["partitions"], strict=True):
        assert ours_of["services"] == {name: said for name, said in theirs_of["services"].items() if name in SERVICES}
    assert lean["partitions"][0]["services"].keys() == SERVICES


async def test_answers_in_json_come_as_they_are() -> None:
    answer = {"body": b'{"Item": {"n": {"N": "1"}}, "new": 1}', "headers": {}, "status_code": 200}
    model = loader().load_service_model("dynamodb", "service-2")
    shape = botocore.model.ServiceModel(model, "dynamodb").operation_model("GetItem").output_shape
    read = await JsonResponseParserFactory().create_parser("json").parse(answer, shape)
    assert (read["Item"], read["new"], read["ResponseMetadata"]["HTTPStatusCode"]) == ({"n": {"N": "1"}}, 1, 200)
