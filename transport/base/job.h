/* job.h - what the hub may ask of podatelna-partner, in words that hold for every partner.
 *
 * A job is one forked process: no network, no disk, only the descriptors that came with it. It writes one JOB_RESULT to its job socket and is killed.
 * The hub knows these kinds and verdicts, and nothing of any partner. Content goes through descriptors; JOB_RESULT carries facts without personal data
 * (no names, numbers of filings, passwords, tax ids).
 *
 * Every JOB_START: KIND, NAME partner ("" for recognise), LINES parameters, descriptors: [0] job socket, [1...] as below.
 * Every JOB_RESULT: CODE (0, or -enum err when the job itself could not be done), LINES, TEXT why (English, for log and record).
 *
 * kind `recognise`   [1] the content, read only (file, memfd or pipe)
 *   parameters: file-suffix (lower case, may be absent), limit (bytes)
 *   result: format    xml | zip | cms | pdf | binary | empty
 *           complete  yes | no (the format's own end was not there: a copy still under way)
 *           size      bytes
 *           for XML: root, namespace (may be empty), child (name of the first child element), children (number of children of the root),
 *                    version (attribute verzePis of the child), encoding (declared, lower case; "utf-8" when absent), wellformed yes|no, period (e.g. 2030-01; when the format is known),
 *                    doctype yes|no, fault (words, when not well-formed)
 *
 * kind `compose`     [1] source object(s) as `what` says, [last] output
 *   parameters: what = content | test | file | poll ; form (catalogue id, e.g. DPHDP3) ; env ; email (may be absent) ; stage (poll: "state" or what classify said in `poll`); option.<name> (partner options from the catalogue)
 *     content: [1] original, [2] out. Result `same: yes` (nothing written: sign the original) or `same: no`.
 *       Where it follows from the form alone, the outsides of the later requests too, their names after `test.` and `file.`: then no job is run for these,
 *       and what is sent is the signed object.
 *     test, file: [1] signed, [2] out. Result `same: yes` (body = the signed object) or `same: no`, and the request's outside (below).
 *     poll: [1] latest receipt object (secret), [2] out body. Result the request's outside.
 *   result: same, size (bytes written), method, path (to append to the partner's url, with query, already escaped), header.<n>, reply-limit (bytes), deadline-ms
 *
 * kind `classify`    [1] reply bytes, [2] original, [3] out: receipt object (secret lines, lines.h form), [4] out: human report (Czech text lines for cards and stav.txt: errors with their places, ended by CRLF; may hold personal data)
 *   parameters: purpose = test | file | poll | confirmation ; http-status ; content-type ; form ; env ; stage ; option.<name>
 *     (`confirmation`: [1] is the verified content of a CMS reply)
 *   result: verdict =
 *       passed         test run passed
 *       refused        the partner says no, for good (data error)
 *       unavailable    the partner's service is down and said so; nothing was filed
 *       signed         the reply is CMS: have it verified (kind verify), then classify the content with purpose confirmation
 *       taken          the filing is in (confirmation content matches what was sent); the final word comes by polling (`poll` says which)
 *       accepted       final yes
 *       running        poll again later
 *       unknown        nobody can tell from this; for purpose file this means an uncertain outcome
 *       mismatch       a confirmation, but not of what was sent
 *     evidence = signed | channel ; receipt = yes | no (was [3] written) ; report = yes | no ; poll = next stage word (e.g. "state", "result"), reason = short English words, errors = number of stopping errors, warnings = number, unread = yes when content had parts not understood
 *
 * kind `verify`      [1] CMS bytes, [2] trust anchors (PEM, may be empty), [3] out: the content
 *   parameters: signer-cn (accepted common names, separated by '|'; empty: any), signer-o, signer-sha256 (pinned leaf fingerprint(s), '|'), limit, at (UTC moment for validity, default now)
 *   result: result = valid | invalid ; reason ; signer-sha256, signer-name (CN), chain = yes | pinned | no ; size ; signing-time
 *   The content is written as it is read; it counts only when result = valid.
 *
 * kind `receipt`     [1] receipt object (secret), [2] out
 *   parameters: level = full | no-password | none ; language cs|en ; line-end = lf | crlf
 *   writes the lines of stav.txt that tell a person the filing number (and, `full`, the password). result: size
 *
 * kind `render`      [1] a form as it will be signed, [2] labels: lines KEY=WORDS (labels.h), may be empty, [3] out: a file (it is written at places, not only at its end)
 *   parameters: language cs|en ; title (label of the form) ; form ; case ; env
 *   writes one HTML page that needs nothing else and asks for nothing (no script, no address). It shows the SHA-256 of the bytes, and then each element, attribute
 *   value, text, comment and instruction exactly once, in the order of the document; white space between elements is left out. Long values are folded but
 *   whole; signs that nobody would see are named. Attachments in base64 appear as size and digest. What is no XML is shown as text; what is no text is not shown.
 *   result: sha256, size (bytes of the form), page-size, values (attributes and texts shown), whole = yes | no (something is not shown; the page says so loudly), why (short English, when not whole)
 *
 * kind `digest`      [1] any bytes
 *   result: sha256, size
 */
#ifndef TRANSPORT_BASE_JOB_H
#define TRANSPORT_BASE_JOB_H

#include "../../appliance/base/lines.h"
#include "../../appliance/wire/wire.h"

#define JOB_FDS_MAX (WIRE_FDS_MAX - 1)
#define JOB_REASON_MAX_BYTES 512

/* What a job has in hand. fds[0] is descriptor [1] above. The functions return 0 or a negative error, and fill `result`; `reason` is for JOB_RESULT.TEXT. */
struct job {
	const char *kind;
	const char *partner;
	struct span parameters; /* lines.h text; read with lines_find_* */
	int fds[JOB_FDS_MAX];
	size_t fd_count;
	struct lines result;
	char reason[JOB_REASON_MAX_BYTES];
};

/* A partner: one folder under transport/, one of these, one line in the list of partners (transport/partners.c). */
struct partner {
	const char *name;
	int (*compose)(struct job *job);
	int (*classify)(struct job *job);
	int (*receipt)(struct job *job);
};

#endif
