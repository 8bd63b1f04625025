"""Whether this machine can tell its Commander from an impostor."""

from __future__ import annotations

from rigfarm.common.fingerprints import fingerprint_text
from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.link.trust import Trust, insecure_words

__all__ = ["check_commander"]

_JOIN = (
    "Join again with the command on the rig's page of the Commander; it has the https:// address and the fingerprint."
)


def check_commander(url: str | None, trust: Trust) -> list[Finding]:
    """Its address, certificate and key, as far as they are known here. Nothing is asked."""
    if url is None:
        return []
    try:
        trust.check_url(url)
    except LinkError as error:
        return [Finding("problem", "Commander", str(error), _JOIN)]
    if words := insecure_words(url):
        return [Finding("problem", "Commander", words, _JOIN)]
    if trust.certificate is not None:
        who = f"pinned certificate {fingerprint_text(trust.certificate)}"
    else:
        who = "plain http on this machine" if url.startswith("http:") else "a certificate that an authority vouches for"
    key = "its key is known" if trust.key is not None else "its key is not known yet"
    return [Finding("ok", "Commander", f"{url}: {who}; {key}")]
