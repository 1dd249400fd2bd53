"""A person who asks the gateway of ČSSZ for the result of a submission, without the box."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "portals"))
import portal_client  # noqa: E402

TRIES = 10


def question(line):
    """A poll (spec/cssz 14.3) about what a ledger line says."""
    return ('<?xml version="1.0" encoding="UTF-8"?><GovTalkMessage xmlns="http://www.govtalk.gov.uk/CM/envelope"><EnvelopeVersion>2.0</EnvelopeVersion>'
            f'<Header><MessageDetails><Class>{line["class"]}</Class><Qualifier>poll</Qualifier><Function>submit</Function>'
            f'<CorrelationID>{line["correlation"]}</CorrelationID></MessageDetails></Header><GovTalkDetails><Keys><Key Type="vars">{line["vs"]}</Key></Keys>'
            "</GovTalkDetails><Body/></GovTalkMessage>").encode()


def sealed_result(portal, line):
    """The answer with the sealed result; polls that are only acknowledged are repeated."""
    client = portal_client.Client(portal.port, os.path.join(portal.pki, "ca.pem"))
    for _ in range(TRIES):
        answer = client.post("/VREP/poll", question(line), {"Content-Type": "text/xml; charset=utf-8"})[2]
        if b"ProcessingResult" in answer:
            return answer
    raise AssertionError(f"no result of {line['correlation']}: {answer[:500]!r}")
