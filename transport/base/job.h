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
 *   result: format    xml | zip | cms | pdf | query (base/query.h: root is what is asked, wellformed yes|no) | binary | empty
 *           complete  yes | no (the format's own end was not there: a copy still under way)
 *           size      bytes
 *           for XML: root, namespace (may be empty), child (name of the first child element), children (number of children of the root),
 *                    version (attribute verzePis of the child), encoding (declared, lower case; "utf-8" when absent), wellformed yes|no, period (e.g. 2030-01; when the format is known),
 *                    doctype yes|no, fault (words, when not well-formed)
 *
 * kind `check`       [1] original, [2] out: human report (as [5] of classify; without personal data): why it cannot be filed and what to do
 *                    of a query (parameter query: yes): [1] its text, [2] as for `compose` of its content, [3] out
 *   parameters: form ; env ; language ; option.<name>. For partners whose catalogue says check = true, once, before it is decided whether a filing may go
 *   result: fit = yes | no (it can never be filed as it is: the box refuses it), reason (English words, when not), report = yes | no
 *           and as far as the partner knows them, for the record of the decision: forms (how many are in it), deferred = yes (the partner works on so
 *           many only later, and says when by its results), group (a word: the filings of one report have the same; nothing of the report can be learnt
 *           from it), package and packages (which of how many this is), act = regular | correction | cancellation
 *
 * kind `compose`     [1] source object(s) as `what` says, [last] output
 *   parameters: what = content | test | file | poll | close | isds ; form (catalogue id, e.g. DPHDP3) ; env ; email (may be absent) ; url (address of the partner, to which `path` will be appended) ; stage (poll: "state" or what classify said in `poll`); option.<name> (partner options from the catalogue)
 *     content: [1] original, [2] out. Result `same: yes` (nothing written: sign the original) or `same: no`.
 *       Where it follows from the form alone, the outsides of the later requests too, their names after `test.` and `file.`: then no job is run for these,
 *       and what is sent is the signed object.
 *       Of a query (parameter query: yes): [1] the text of base/query.h, [2] the certificate whose key opens answers (PEM, may be empty), [3] out. Never `same: yes`.
 *       It is what is signed, and stands where `original` is said below and in `classify`.
 *     test, file: [1] signed, [2] original, [3] certificates that the partner wants messages encrypted for (PEM, may be empty), [4] out. With `encrypt-sha256`: the one of [3] that is approved and to be used;
 *     a partner that encrypts encrypts for no other. Result `same: yes` (body = the signed object) or `same: no`, and the request's outside (below).
 *     check: [1] original, [2] out body: asks the partner about a form before it is signed (catalogue option checkable). Result the request's outside.
 *     poll: [1] latest receipt object (secret), [2] out body. Result the request's outside.
 *     close: as poll; tells the partner, where its catalogue says so, that its final word is stored here. Nothing depends on the answer.
 *     isds: [1] original. For a partner that takes filings by data box too: what its message is made of. `reference`: our mark on it. Result `same: yes` (the
 *       attachment is the original itself), box, subject, file-name, content-type, sender-ident. The box has no channel that would carry it yet.
 *   result: same, size (bytes written), method, path (to append to the partner's url, with query, already escaped), header.<n>, reply-limit (bytes), deadline-ms
 *
 * kind `classify`    [1] reply bytes, [2] original, [3] latest receipt object (secret; empty: none yet), [4] out: receipt object (secret lines, lines.h form), [5] out: human report (Czech text lines for cards and stav.txt: errors with their places, ended by CRLF; may hold personal data), [6] out: data that came back with an answer, as they came
 *   parameters: purpose = test | file | poll | confirmation ; http-status ; content-type ; form ; env ; stage ; option.<name>
 *     (`confirmation`: [1] is the verified content of a signed reply)
 *     of an answer that came as a data message: message-id (of ours, that it should answer), message-subject: `mismatch` when it answers another one
 *   result: verdict =
 *       passed         test run passed
 *       refused        the partner says no, for good (data error)
 *       unavailable    the partner's service is down and said so; nothing was filed
 *       signed         the reply carries the partner's signature: have it verified (kind verify), then classify the content with purpose confirmation
 *       taken          the filing is in (confirmation content matches what was sent); the final word comes by polling (`poll` says which)
 *       ask            file: nobody can tell from this, but the partner can be asked whether it arrived: receipt and `poll` say how
 *       accepted       final yes
 *       partial        final: the partner took some parts of the filing and refused others; the report says which
 *       running        poll again later
 *       gone           poll: the partner says that it does not know the filing, or no longer. Asked again, but not for ever: then a person must look
 *       unknown        nobody can tell from this; for purpose file this means an uncertain outcome
 *       mismatch       a confirmation, but not of what was sent
 *     arrived = yes | no: poll: the partner names the filing and says that it has it, or that it does not know it
 *     evidence = signed | channel | person (attached, and bound to the filing by what it says alone: only where the stage is none) ; receipt = yes | no (was [4] written) ; report = yes | no ; poll = next stage word (e.g. "state", "result"; "none": the final word comes another way, and is
 *     classified when a person attaches it), reason = short English words, errors = number of stopping errors, warnings = number, unread = yes when content had parts not understood
 *     data = yes (they are in [6]), and then data-kind = plain | enveloped (CMS, for a key of ours)
 *
 * kind `open`        [1] data that came back, deciphered, [2] labels as for `render`, [3] out: one item as a page (a file), [4] out: the same as XML that stands alone (a file)
 *   parameters: n (which, from 0), form, language, title, case, env, option.<name>
 *   result: count (of all items, 0: none), and of this one: label (a short word, letters and digits), guard (64 hex digits: the same for the same item, whatever asked for it;
 *           absent: it may come often), again = yes (an earlier one of these data has the same), whole, why as of `render`. Nothing is written where n is not below count.
 *           Or alone: broken (English words): these are no data that can be taken apart.
 *
 * kind `verify`      [1] the signed reply: CMS bytes, or what the partner has in place of these (struct partner, verify), [2] trust anchors (PEM, may be empty), [3] out: the content
 *   parameters: signer-cn (accepted common names, separated by '|'; empty: any), signer-o, signer-sha256 (pinned leaf fingerprint(s), '|'), limit, at (UTC moment for validity, default now)
 *           Not approved, though the signature itself holds (result = invalid): unknown-signer = yes, and what its certificate says of itself as kind `certificates`
 *           tells it, `signer.` before the names: whether it is to be trusted is for a person to decide.
 *   result: result = valid | invalid ; reason ; signer-sha256, signer-name (CN), chain = yes | pinned | no ; size ; signing-time
 *           form = sealed-xml (an XML with a seal over the canonical form of a part of it; absent: CMS around the content)
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
 *
 * kind `stamp-query` [1] out: DER TimeStampReq (RFC 3161): version 1, a new nonce of 64 random bits, certReq TRUE
 *   parameters: imprint (hex, of the hash's length), hash (sha256 | sha384 | sha512; default sha256), policy (OID; "": none asked)
 *   result: nonce (16 hex digits), size; the request's outside: method, path (empty), header.1, header.2, reply-limit (bytes)
 *
 * kind `stamp-reply` [1] reply bytes, [2] trust anchors (PEM), [3] out: the token (DER ContentInfo, the very bytes of the reply; written whenever there is one)
 *   parameters: imprint, hash, policy, nonce (as asked), http-status, content-type, asked-from, asked-to (our clock, ms since 1970, before the request and
 *               after the reply), clock-limit-ms (default 300000), limit (bytes, default 262144)
 *   result: verdict = granted | refused (the authority says no) | invalid (granted was said, but a check failed: kept for inspection, a stamp of nothing)
 *                     | unusable (not an answer of a time-stamp authority)
 *           cause     why not granted: one stable word (appliance/base/stampcause.h has its words for people); absent when granted
 *           reason    English words with what was found (which certificate, which hash); absent when granted and clock = ok
 *           fall-over = yes | no: is it worth while to ask the next address (spec timestamps 1)
 *           spent     = yes | no: granted was said, so that a stamp of the package is gone, good or not
 *         as far as there is a status:
 *           status    granted | grantedWithMods | rejection | waiting | revocationWarning | revocationNotification | a number
 *           fail      names of the bits of failInfo, a blank between: badAlg, badRequest, ... bit-N
 *           text      statusString, a foreign text: at most STAMP_TEXT_SIZE - 1 bytes, without control characters
 *         as far as there is a token that can be read (also when invalid: then what it says of itself):
 *           time      genTime, UTC, milliseconds, as records write it; time-ms the same in ms since 1970
 *           accuracy-ms (rounded up; 0 when it says none), serial (hex), policy (OID), sha256 (of the token)
 *           off-ms    how far our clock is from genTime, beyond what accuracy, its unit and the time the exchange took explain: 0; positive, ours is ahead;
 *                     "-123", ours is behind
 *           clock     = ok | off: |off-ms| is more than clock-limit-ms. A granted stamp stays one
 *           signer-sha256, signer-name (CN), not-after (of that certificate, UTC)
 *           digest    the hash of the imprint and that of the signature, a blank between: sha256 | sha384 | sha512 | other
 *
 * kind `stamp-imprint` [1] CMS SignedData (definite lengths), attached or detached
 *   parameters: hash (as above), limit (bytes, default and most STAMP_CMS_MAX_BYTES)
 *   result: imprint (hex: hash of the signature value of the one SignerInfo, RFC 5126 6.1.1), size (of the CMS), hash, stamped = yes | no (it carries a stamp already)
 *
 * kind `stamp-embed` [1] CMS as above, [2] token as stamp-reply wrote it, [3] out: the CMS with the token as unsigned attribute 1.2.840.113549.1.9.16.2.14;
 *                    all else is the same bytes
 *   parameters: limit. ERR_MISMATCH when the token is not one of the signature value; ERR_EXISTS when the CMS carries a stamp already
 *   result: size, imprint, hash
 *
 * kind `trust-chain` [1] a TimeStampResp or CMS SignedData (DER), [2] further certificates (PEM, may be empty), [3] out: one certificate of the chain (DER)
 *   parameters: n (which is written, from 0, the signer; absent: none)
 *   result: count (of the certificates from the signer to its root, as far as they are known; at most TRUST_CHAIN_MAX), root = yes | no (the last one is a root)
 *           cert.<n>.sha256, cert.<n>.name (CN), cert.<n>.from, cert.<n>.until, cert.<n>.url.<k> (where its authority has its list of revoked certificates: http or https)
 *           of a stamp: time, policy, serial, sha256 ... as above, digest
 *   It says whose certificates they are, not that anything signed with them holds.
 *
 * kind `trust-crl`   [1] a list of revoked certificates as it came (DER or PEM), [2] and [3] as [1] and [2] above, [4] out: the list in DER
 *   parameters: http-status, at (ms since 1970: now)
 *   result: verdict = good (signed by an authority of the chain, whole, made before now, the next one is to come) | bad, reason (English words)
 *           time, until (thisUpdate, nextUpdate), sha256, size
 *
 * kind `certificates` [1] certificates: PEM, one or several, or one in DER
 *   result: count, and of each, n from 0: cert.<n>.sha256, cert.<n>.subject, cert.<n>.issuer (names in words), cert.<n>.serial (hex), cert.<n>.from,
 *           cert.<n>.until (UTC), cert.<n>.enciphers = yes | no (an RSA key that messages can be encrypted for), cert.<n>.qualified = yes | no (its authority says so)
 *   ERR_FORMAT when there is none, ERR_LIMIT for more than CERTIFICATES_MAX (base/certificates.h). Nothing is said of whether any of them is to be trusted.
 *
 * kind `announce`    [1] a new signing certificate of ours (PEM or DER), [2] out: the message that announces it to the partner, made of a template
 *   parameters: option.announce-template (one line; {certificate} stands for the base64 of the DER), option.announce-qualified = yes (default) | no: must it be a
 *           qualified one?
 *   result: cause = "" (the message is written) | no-certificate | several | over | not-yet | not-for-signing | not-qualified | no-template; with exactly one
 *           certificate what it says of itself, cert.0. as kind `certificates` tells it
 */
#ifndef TRANSPORT_BASE_JOB_H
#define TRANSPORT_BASE_JOB_H

#include "../../appliance/base/lines.h"
#include "../../appliance/wire/wire.h"

#define JOB_FDS_MAX (WIRE_FDS_MAX - 1)
#define JOB_REASON_MAX_BYTES 512
#define STAMP_TEXT_SIZE 513
#define STAMP_REPLY_MAX_BYTES (256U << 10)
#define STAMP_CMS_MAX_BYTES (UINT64_C(66) << 20) /* 64 MiB of content and what is around it */

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
	int (*verify)(struct job *job); /* NULL: its signed replies are attached CMS */
	int (*check)(struct job *job);  /* NULL: its catalogue does not ask for it */
};

#endif
