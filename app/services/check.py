"""Whether a daemon could work here, found out before there is traffic: each line says what is wrong and what to do.

Calls are dry: they read what is not there, and write under conditions that cannot hold. Publishing and sending have no dry
form, so they are not tried.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from app.aws.clients import code
from app.aws.mail import Mail
from app.domain.jobs import Trigger
from app.domain.keys import input_key
from app.engine.bundles import manifest
from app.engine.errors import EngineError
from app.services import references
from app.services.backend import Backend, backend
from app.settings import Settings

ABSENT = "00000000-0000-7000-8000-000000000000"
"""The user and the job that never exist."""

ANSWER_SECONDS = 10
_LEAST_LEFT = 0.1
"""Part of a day's mail that should be left."""


class State(StrEnum):
    """`BEYOND` cannot be mended from here: somebody else's service, or what these credentials may not see."""

    WELL = "well"
    BEYOND = "beyond"
    WRONG = "wrong"


@dataclass(frozen=True)
class CheckResult:
    """What was found about one part of the deployment, and what to do about it."""

    name: str
    state: State
    says: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<7} {self.name}: {self.says}"
        return f"{line}\n        → {self.remedy}" if self.remedy else line


Probe = Callable[[Backend], Awaitable[object]]


async def _read_job(backend: Backend) -> None:
    await backend.jobs.get(ABSENT, ABSENT)


async def _write_job(backend: Backend) -> None:
    await backend.jobs.advance(ABSENT, ABSENT, Trigger.CLAIM)


async def _list_jobs(backend: Backend) -> None:
    await backend.jobs.page(ABSENT, limit=1)


async def _list_overdue(backend: Backend) -> None:
    async for _ in backend.jobs.overdue():
        break


async def _read_account(backend: Backend) -> None:
    await backend.accounts.get(ABSENT)


async def _read_together(backend: Backend) -> None:
    await backend.jobs.get_with_account(ABSENT, ABSENT)


async def _write_account(backend: Backend) -> None:
    await backend.accounts.clear_deadline(ABSENT, -1)


async def _read_input(backend: Backend) -> None:
    await backend.inputs.head(input_key(ABSENT, ABSENT))


async def _list_results(backend: Backend) -> None:
    async for _ in backend.results.list(f"results/{ABSENT}/"):
        pass


def _open(queue: str) -> Probe:
    async def probe(backend: Backend) -> None:
        await backend.queues.open(queue)

    return probe


TABLES, BUCKETS, QUEUES = "GAS_TABLE_NAMES", "GAS_BUCKET_NAMES", "GAS_QUEUE_URLS"
PROBES: Mapping[str, Mapping[str, tuple[str, Probe]]] = {
    "web": {
        "jobs can be listed": (TABLES, _list_jobs),
        "jobs can be written": (TABLES, _write_job),
        "accounts can be read": (TABLES, _read_account),
        "accounts can be written": (TABLES, _write_account),
        "inputs can be read": (BUCKETS, _read_input),
        "results can be listed": (BUCKETS, _list_results),
        "queue job_requests": (QUEUES, _open("job_requests")),
        "queue archive_requests": (QUEUES, _open("archive_requests")),
    },
    "annotate": {
        "queue job_requests": (QUEUES, _open("job_requests")),
        "jobs can be read": (TABLES, _read_job),
        "jobs can be written": (TABLES, _write_job),
        "inputs can be read": (BUCKETS, _read_input),
        "results can be listed": (BUCKETS, _list_results),
    },
    "archive": {
        "queue archive_requests": (QUEUES, _open("archive_requests")),
        "jobs can be read": (TABLES, _read_job),
        "jobs can be written": (TABLES, _write_job),
        "accounts can be read": (TABLES, _read_together),
        "results can be listed": (BUCKETS, _list_results),
    },
    "restore": {
        "queue restore_requests": (QUEUES, _open("restore_requests")),
        "jobs can be listed": (TABLES, _list_jobs),
        "jobs can be written": (TABLES, _write_job),
        "accounts can be read": (TABLES, _read_account),
        "accounts can be written": (TABLES, _write_account),
    },
    "thaw": {
        "queue restore_pendings": (QUEUES, _open("restore_pendings")),
        "jobs can be read": (TABLES, _read_job),
        "jobs can be written": (TABLES, _write_job),
        "results can be listed": (BUCKETS, _list_results),
    },
    "notify": {
        "queue notifications": (QUEUES, _open("notifications")),
        "jobs can be read": (TABLES, _read_job),
        "jobs can be written": (TABLES, _write_job),
        "accounts can be read": (TABLES, _read_account),
    },
    "doctor": {
        "jobs can be read": (TABLES, _read_job),
        "jobs can be written": (TABLES, _write_job),
        "accounts can be read": (TABLES, _read_account),
        "overdue jobs can be listed": (TABLES, _list_overdue),
        "results can be listed": (BUCKETS, _list_results),
    },
}
"""What each daemon does at AWS, and the setting that names the thing it does it to. Only calls that its role allows."""


async def check(settings: Settings, daemons: Collection[str]) -> AsyncIterator[CheckResult]:
    """Looks at everything that these daemons need."""
    if "web" in daemons:
        yield _portal_settings(settings)
    probes = {name: probe for daemon in PROBES if daemon in daemons for name, probe in PROBES[daemon].items()}
    try:
        async with backend(settings, mail="notify" in daemons) as opened:
            for name, (setting, probe) in probes.items():
                yield await _probe(name, setting, probe, opened)
            if opened.mail:
                async for finding in _mail(opened.mail):
                    yield finding
    except KeyError as missing:
        yield CheckResult("settings", State.WRONG, f"nothing is said of {missing}", _REMEDIES["unset"])
    if "web" in daemons:
        yield await _reachable("Globus", f"{settings.globus_url}/jwk.json")
        yield await _reachable("Stripe", settings.stripe_url)
    if "annotate" in daemons:
        for finding in _bundles(settings):
            yield finding


def verdict(findings: Collection[CheckResult]) -> int:
    """The exit code: 0 well, 1 something of this deployment is wrong, 3 only what is beyond it."""
    states = {finding.state for finding in findings}
    return 1 if State.WRONG in states else 3 if State.BEYOND in states else 0


_REMEDIES = {
    "unset": "set it: `terraform output -json settings` has every setting of a deployment",
    "denied": "the role lacks a permission: compare terraform/modules/identity/grants.tf with what is applied",
    "missing": "{setting} names what does not exist in this account and region: run terraform apply, or mend the setting",
    "credentials": "these credentials have expired, or AWS does not know them: `aws sts get-caller-identity` "
    "says whose they are; on a host it is the instance profile. A clock that is wrong does the same: timedatectl",
    "throttled": "AWS turns requests away for now: try again in a minute; if it goes on, look at the service's quotas",
    "ailing": "the service itself fails: look at health.aws.amazon.com, and try again",
    "elsewhere": "{setting} names a bucket of another region: set AWS_DEFAULT_REGION to the deployment's",
    "unknown": "look the code up in the API reference of the service",
    "unreachable": "AWS does not answer: look at the instance's route, security group and DNS, and at AWS_DEFAULT_REGION",
}
_MISSING = {"ResourceNotFoundException", "NoSuchBucket", "404", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_CODES: Mapping[str, frozenset[str]] = {
    "denied": frozenset({"403", "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}),
    "missing": frozenset(_MISSING),
    # "400" is what HEAD of S3 says, which has no body: with credentials that are right nothing of it is wrong
    "credentials": frozenset(
        {
            "400",
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "InvalidToken",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    ),
    "throttled": frozenset(
        {
            "429",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        }
    ),
    "ailing": frozenset({"500", "503", "InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable"}),
    "elsewhere": frozenset({"301", "AuthorizationHeaderMalformed", "PermanentRedirect"}),
}
"""What the error codes of AWS's services mean. Sources: "Common Errors" of their API references; "Error responses" of S3."""

_BEYOND = {"throttled", "ailing"}
_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)


def _meaning(said: str) -> str:
    return next((why for why, codes in _CODES.items() if said in codes), "unknown")


async def _probe(name: str, setting: str, probe: Probe, opened: Backend) -> CheckResult:
    try:
        await probe(opened)
    except ClientError as error:
        said = code(error)
        why = _meaning(said)
        state = State.BEYOND if why in _BEYOND else State.WRONG
        return CheckResult(name, state, f"AWS says {said}", _REMEDIES[why].format(setting=setting))
    except KeyError as missing:
        return CheckResult(name, State.WRONG, f"{setting} says nothing of {missing}", _REMEDIES["unset"])
    except _CREDENTIALS as error:
        return CheckResult(name, State.WRONG, f"{type(error).__name__}", _REMEDIES["credentials"])
    except (BotoCoreError, OSError) as error:
        return CheckResult(name, State.WRONG, f"{type(error).__name__}", _REMEDIES["unreachable"])
    return CheckResult(name, State.WELL, "yes")


def _portal_settings(settings: Settings) -> CheckResult:
    try:
        settings.for_portal()
    except ValueError as error:
        remedy = "put the values into the secret that GAS_SECRET names: aws secretsmanager put-secret-value"
        return CheckResult("settings of the portal", State.WRONG, str(error), remedy)
    return CheckResult("settings of the portal", State.WELL, "complete")


async def _mail(mail: Mail) -> AsyncIterator[CheckResult]:
    try:
        standing = await mail.standing()
    except (ClientError, BotoCoreError) as error:
        says = code(error) if isinstance(error, ClientError) else type(error).__name__
        remedy = "run `gas check notify` with credentials that may call ses:GetEmailIdentity and ses:GetAccount"
        yield CheckResult("SES", State.BEYOND, f"its state cannot be seen from here ({says})", remedy)
        return
    if standing.verified:
        yield CheckResult("SES identity", State.WELL, f"{mail.sender} may send")
    else:
        remedy = "write the DNS records of `terraform output dns_records`, and wait until SES has seen them"
        yield CheckResult("SES identity", State.WRONG, f"neither {mail.sender} nor its domain is verified", remedy)
    if standing.sandbox:
        remedy = "ask AWS for production access: until then mail only reaches verified addresses, those of `sandbox_recipients`"
        yield CheckResult("SES sandbox", State.BEYOND, "the account is in it", remedy)
    else:
        yield CheckResult("SES sandbox", State.WELL, "the account is out of it")
    says = f"{standing.rate:g} mails a second, {standing.daily_quota:,.0f} a day, of which {standing.sent_today:,.0f} are sent"
    if not standing.sending:
        yield CheckResult("SES sending", State.WRONG, f"it is paused ({says})", "the account's page in SES's console says why")
    elif standing.left_today < _LEAST_LEFT * standing.daily_quota:
        yield CheckResult(
            "SES quota", State.BEYOND, says, "ask AWS for a larger one; what does not go out today is tried tomorrow"
        )
    else:
        yield CheckResult("SES quota", State.WELL, says)


async def _reachable(name: str, url: str) -> CheckResult:
    """Any answer below 500 says that it is there."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as http,
            http.get(url, allow_redirects=False) as answer,
        ):
            if answer.status < 500:
                return CheckResult(name, State.WELL, "answers")
            says = f"answers {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        says = f"{url} does not answer ({type(error).__name__})"
    return CheckResult(
        name, State.BEYOND, says, "look at its status page; if it is up, at the way out: NAT, security group (443), DNS"
    )


def _bundles(settings: Settings) -> list[CheckResult]:
    """Every bundle, installed and embedded, agrees with its manifest, all that are wanted are there, and ClinVar is recent."""
    here = [
        _bundle(found.parent)
        for root in (*([Path(settings.bundles)] if settings.bundles else []), manifest.EMBEDDED)
        for found in sorted(root.glob(f"[!.]*/{manifest.MANIFEST}"))
    ]
    return [*here, *_wanted(settings)]


def _bundle(folder: Path) -> CheckResult:
    name = f"bundle {folder.name}"
    try:
        faults = manifest.verify(manifest.load(folder))
    except (EngineError, OSError) as error:
        faults = [str(error)]
    if faults:
        remedy = f"fetch it again: gas reference pull {folder.name} VERSION s3://BUCKET/bundles"
        return CheckResult(name, State.WRONG, "; ".join(faults), remedy)
    found = manifest.load(folder)
    says = f"version {found.version} agrees with its manifest" + (f": {references.parts(found)}" if found.parts else "")
    if (days := references.clinvar_days(found)) > references.CLINVAR_DAYS:
        remedy = f"build this month's: gas reference update {found.id} clinvar, then gas reference push"
        return CheckResult(name, State.BEYOND, f"{says}; its ClinVar is {days} days old", remedy)
    return CheckResult(name, State.WELL, says)


def _wanted(settings: Settings) -> list[CheckResult]:
    """The bundles of GAS_REFERENCES that are not here, or here in another version."""
    folders = [Path(settings.bundles)] if settings.bundles else []
    found = []
    for assembly, place in settings.references.items():
        bundle, _, version = place.partition("/")
        try:
            here = manifest.find(bundle, *folders).version
        except EngineError:
            here = ""
        if not here or version not in ("", "latest", here):
            says = f"{place} is wanted, and {f'version {here}' if here else 'no version'} is here"
            remedy = f"it is pulled when the annotator starts; now: gas reference pull {bundle} {version} s3://BUCKET/bundles"
            found.append(CheckResult(f"reference {assembly}", State.WRONG, says, remedy))
    return found
