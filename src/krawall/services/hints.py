"""What a person can do about a fault of a target: the first thing to look at, in one sentence."""

from __future__ import annotations

from krawall.model.exchange import Fault, FaultKind
from krawall.model.target import Target

_BY_STATUS = {
    400: "the chatbot does not take this request: compare `body` and `request` with its documentation",
    401: "the chatbot does not know us: check `auth`, and the secret that it refers to",
    403: "the chatbot knows us and does not let us in: check what the key is allowed to do",
    404: "there is nothing at this path: check the end of the URL, and the model if the request names one",
    405: "the path takes another method: check the end of the URL, and `method`",
    413: "the request is too large for the chatbot",
    415: "the chatbot wants another content type: check `headers`",
    422: "the chatbot does not take this request: compare `body` and `request` with its documentation",
    426: "the chatbot wants another protocol: a WebSocket has an address that begins with ws:// or wss://",
}
_BY_KIND = {
    FaultKind.connect: "check the address and the port; is the chatbot running, and does a firewall let us through?",
    FaultKind.timeout: "the chatbot was reached and took too long: try once more, or look into its log",
    FaultKind.rate_limited: "the chatbot limits how often it is asked: wait, then try again",
    FaultKind.rejected: "the chatbot refused the request: compare it with the chatbot's documentation",
    FaultKind.server: "the error is the chatbot's own: look into its log",
    FaultKind.truncated: "the chatbot hung up in the midst of its reply: look into its log",
}


def hint_for(fault: Fault, target: Target) -> str:
    """Return the way out of a fault, "" when there is nothing to say."""
    if fault.kind is FaultKind.tls:
        if "does not speak TLS" in fault.detail:
            return "write the address without the s: http://, ws:// or grpc://"
        return "name the authority of its certificate in `tls: {ca: ...}`, or repair the certificate"
    if fault.kind is FaultKind.protocol:
        return _protocol(fault, target)
    return _BY_STATUS.get(fault.status or 0) or _BY_KIND.get(fault.kind, "")


def _protocol(fault: Fault, target: Target) -> str:
    if fault.status is not None and 300 <= fault.status < 400:
        return "redirects are not followed: put the final address into the target"
    if "asked for a stream" in fault.detail:
        return "the chatbot answered in one piece: turn `stream` off, or check how it is asked for a stream"
    if "event-stream" in fault.detail or (not target.stream and "data:" in fault.detail):
        return "the chatbot answered with a stream: turn `stream` on"
    if "empty" in fault.detail:
        return "nothing stands where the mapping looks: check `reply.text`"
    return "the reply is not what the mapping says: check `reply`"
