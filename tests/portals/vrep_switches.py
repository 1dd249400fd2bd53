"""Switches of the VREP simulator, and what those that spoil a result do to it (spec/cssz 13, 14.13)."""

import vrep_answers
import vrep_seal
from portal_switches import DELIVERY, Switch
from vrep_rules import NUMBERS, Outcome
from vrep_seal import general_item, item

PHASES = ("submit", "poll", "close", "ws", "validate", "other")
GOVTALK = ("submit", "poll", "close")
RESULT = ("submit", "poll")
GATEWAY = tuple(f"gateway_{n}" for n in (1000, 1001, 1002, 1020, 1035, 1042, 1046, 2000))
DIS = tuple(f"dis_{n}" for n in NUMBERS)
SPOILING = {
    "wrong_type": "ProcessingResult/@type is another class than the envelope says",
    "ok_with_error": "result=OK, and an Item in error",
    "response_refused": "Qualifier response, the protocol inside says refused",
    "general_error": "the general Item is in error: the whole submission is refused",
    "swapped_result": "the sealed result of another submission of the same class under this CorrelationID",
}


def table():
    switches = dict(DELIVERY)
    switches["status503"] = Switch("fault", "off", "503 with a page of HTML and Retry-After", take=False)
    for name in GATEWAY:
        switches[name] = Switch("fault", "off", f"error {name.rpartition('_')[2]} of the gateway", phases=GOVTALK, take=False)
    switches["invalid_qualifier"] = Switch("fault", "off", "a close of the variant A is answered Invalid qualifier", phases=("close",))
    switches["invalid_qualifier_number"] = Switch("number", 1001, "number of that error")
    for number, name in zip(NUMBERS, DIS):
        switches[name] = Switch("fault", "off", f"DIS refuses a sound submission: {NUMBERS[number]}", phases=("submit",))
    switches["early_errors"] = Switch("fault", "off", "a refusal by DIS comes as the answer to the submission itself", phases=("submit",))
    results(switches)
    numbers(switches)
    texts(switches)
    return switches


def results(switches):
    switches["partial"] = Switch("fault", "off", "the forms of refuse_forms are refused", phases=("submit",))
    switches["warnings"] = Switch("fault", "off", "the forms of warn_forms pass with a warning", phases=("submit",))
    switches["validate_error"] = Switch("fault", "off", "the validator finds an error in a form", phases=("validate",))
    switches["late"] = Switch("fault", "off", "a poll for a result that is there: acknowledgement", phases=("poll",))
    switches["padded_class"] = Switch("fault", "off", "a blank after the Class of a result", phases=RESULT)
    switches["wrong_class"] = Switch("fault", "off", "the envelope of a result names another Class", phases=RESULT)
    switches["wrong_correlation"] = Switch("fault", "off", "the envelope of a result names another CorrelationID", phases=RESULT)
    for name, doc in SPOILING.items():
        switches[name] = Switch("fault", "off", doc, phases=RESULT)
    for name, doc in vrep_answers.FAULTS.items():
        switches[name] = Switch("fault", "off", doc, phases=("submit",))
    for name, doc in vrep_seal.FAULTS.items():
        switches[name] = Switch("fault", "off", "seal: " + doc, phases=RESULT)


def numbers(switches):
    for name, value, doc in (
            ("polls", 1, "so many polls of each submission are acknowledged before its result"),
            ("deferred", 300, "from so many forms on the result waits for POST /release"),
            ("max_request", 20 * 1024 * 1024, "longer requests: 1001"),
            ("duplicate_hours", 48, "identical data within so many hours are a duplicate"),
            ("duplicate_number", 300, "number of a duplicate (JMHZ: 20022)"),
            ("age_s", 0, "earlier submissions count as so much older, in seconds"),
            ("notifications", 5, "so many notifications in an answer to DZDPN"),
            ("max_days", 31, "a DZDPN for more days: 400"),
            ("jmhz_polls", 1, "so many answers to DZMH say that a report is in processing"),
            ("form_number", 604, "number of a refused form's error")):
        switches[name] = Switch("number", value, doc)


def texts(switches):
    onoff = ("on", "off")
    for name, value, doc, choices in (
            ("dis_decrypt", "dis,dis-old", "certificates of DIS that submissions may be encrypted for; an expired one gives 202", None),
            ("dis_seal", "dis", "certificate that seals results", ("dis", "dis-next", "dis-old", "dis-foreign")),
            ("seal_algorithm", "sha512", "digest of the sealed message", tuple(vrep_seal.ALGORITHMS)),
            ("seal_cms_digest", "sha256", "digest inside the CMS of the seal", ("sha256", "sha384", "sha512", "sha1")),
            ("seal_attributes", "on", "the CMS of the seal has signed attributes", onoff),
            ("root_xsig", "none", "the root of answers declares xsig: no; yes and the seal covers it as a declaration in scope; yes, and the "
             "seal was made before", ("none", "inherited", "alone")),
            ("poll_interval", "1", "PollInterval in seconds, or any text", None),
            ("layout", "plain", "answers without or with white space between elements", ("plain", "indented")),
            ("end_point", "capitals", "spelling of ResponseEndPoint", ("capitals", "small")),
            ("registration", "any", "any: every signer under ca.pem; listed: those of POST /signers", ("any", "listed")),
            ("error_id", "off", "an error of the gateway as answer to a submission names a CorrelationID: that of the submission where it was taken, else a new one",
             onoff),
            ("ws_body", "any", "what a BodyPart of WS may hold", ("any", "govtalk", "message")),
            ("ws_errors", "fault", "errors of the gateway over WS: a fault of SOAP, or GovTalkErrors in the data", ("fault", "data")),
            ("allow_ec", "off", "take signers with EC keys", onoff),
            ("poll_vs", "ignore", "a poll or close with another VS: ignored, or this error", ("ignore", "1046", "2000")),
            ("duplicates", "later", "later: the later one is refused; all: the earlier, too, while nobody has its result", ("later", "all", "off")),
            ("duplicate_queries", "off", "DZDPN, DZNP and DZMH can be duplicates", onoff),
            ("refuse_forms", "1", "numbers of the forms from 1, or all", None), ("warn_forms", "all", "the same for warnings", None),
            ("form_text", "Číslo účtu & kód banky <neznámé>", "text of a refused form's error", None),
            ("keep_data", "off", "plain data are written to the folder of --keep", onoff)):
        switches[name] = Switch("text", value, doc, choices=choices)


def spoil(portal, request, taken, phase):
    """(Outcome to be told, name of the fault that changed it or None)."""
    shot = portal.fire(request, phase, *SPOILING)
    if shot is None:
        return taken.outcome, None
    outcome = taken.outcome.copy()
    if shot.name == "ok_with_error":
        outcome.result, outcome.number, outcome.text, outcome.qualifier, outcome.govtalk = "OK", 0, "", "response", None
        outcome.items[-1].update(result="ERROR", errMsg="NEMPRI25_LT: 604 - text", errNum="604")
    elif shot.name == "response_refused":
        outcome = all_refused(outcome)
        outcome.qualifier, outcome.govtalk = "response", None
    elif shot.name == "general_error":
        outcome = all_refused(outcome)
    elif shot.name == "swapped_result":
        others = [t for t in portal.store.all() if t.cls == taken.cls and t.correlation != taken.correlation]
        invented = [general_item("NEMPRI25"), item("1", "7001010001", "NEMPRI25")]
        outcome = others[-1].outcome if others else Outcome(count=1, items=invented)
    return outcome, shot.name


def all_refused(outcome):
    words = "17800 - unspecified"
    outcome.result, outcome.number, outcome.text, outcome.errors = "ERROR", 17800, words, outcome.count
    outcome.qualifier, outcome.govtalk = "error", ("CSSZDIS", 17800, words, "business")
    outcome.items[0].update(result="ERROR", errMsg=words, errNum="17800")
    return outcome
