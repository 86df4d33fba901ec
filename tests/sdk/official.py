"""What the drivers of the two official Python SDKs share: configuration and answers as plain values."""

import ssl
from typing import Any
from urllib.parse import urlsplit

from binance_common.configuration import ConfigurationRestAPI
from binance_common.models import ApiResponse
from steps import Job

TIMEOUT_MS = 10_000  # the SDK's default of one second is too short for a loaded test machine


def configuration(job: Job) -> ConfigurationRestAPI:
    """The SDK's REST configuration for this job. A CA is given as a TLS context, HTTP needs none."""
    return ConfigurationRestAPI(
        api_key=job.key,
        **({"base_path": job.base} if job.base else {}),
        proxy=proxy_of(job),
        timeout=TIMEOUT_MS,
        https_agent=ssl.create_default_context(cafile=job.ca) if job.ca else None,
        api_secret=job.credential if job.kind == "hmac" else None,
        private_key=None if job.kind == "hmac" else job.credential,
    )


def proxy_of(job: Job) -> dict[str, Any] | None:
    """The proxy in the SDK's own form."""
    if job.proxy is None:
        return None
    place = urlsplit(job.proxy)
    return {"protocol": place.scheme, "host": place.hostname, "port": place.port}


def plain(answer: Any) -> Any:
    """An answer of the SDK, whatever its model, as dicts and lists under the exchange's names."""
    if isinstance(answer, ApiResponse):
        answer = answer.data()
    while getattr(answer, "actual_instance", None) is not None:
        answer = answer.actual_instance
    if isinstance(answer, list):
        return [plain(each) for each in answer]
    return answer.to_dict() if hasattr(answer, "to_dict") else answer
