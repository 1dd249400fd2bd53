/* flow.h - what the box does next for a case: always decided from its records alone (case.h), one step at a time.
 *
 * A step is a `struct work`: some requests under way at once (a job, objects going to and fro), then one record that says what came out. A step that is cut off
 * anywhere leaves nothing but what its records say, and is begun again from there; steps that must not be repeated (sending, signing) have a record before them.
 */
#ifndef HUB_FLOW_H
#define HUB_FLOW_H

#include "hub.h"

#define WORK_REF_MAX_BYTES WIRE_STRING_MAX_BYTES
#define WORK_OUTPUTS_MAX 3
#define FLOW_DEATHS_MAX 4
#define FLOW_TESTS_MAX 10 /* test runs of one signature whose answer nobody understands, before the case is `failed` */

typedef void (*work_done)(struct work *work);

struct work_output {
	const char *role; /* of the object it becomes; NULL: of none, it is kept for the hub */
	const char *when; /* "name=value": the line of the result that must be there for it to be kept; NULL: always */
	uint64_t limit;
	int memfd;
	bool taken;
	bool held; /* its memory file outlives the job: what was written is wanted here too */
	char ref[WORK_REF_MAX_BYTES + 1];
	uint64_t size;
};

struct work {
	struct hub *hub;
	struct hub_case *of; /* NULL for work before a case exists (inbox) */
	void *context;       /* of that */
	work_done done;      /* when nothing is pending any more; looks at err, then ends the work or goes on with it */
	unsigned pending;
	int err; /* the first failure; 0 while there is none */
	char why[CASE_REASON_MAX_BYTES];
	int job_socket, job_watch, job_timer;
	struct lines result; /* of the job */
	struct work_output outputs[WORK_OUTPUTS_MAX];
	size_t output_count;
	struct lines record; /* under construction */
	uint64_t session;
	const char *url; /* of the partner's address that the request goes to (address.h) */
	bool aside;      /* no step of the case: how often that failed and what it waits for are left as they are */
	size_t sign_key; /* 1 + index of the key that signs, 0: none (signer.h) */
};

/* --- work.c: beginning and ending --- */
/* NULL when the case has work already, or without memory. HUB_WORKS_MAX is kept by flow_next and the inbox: a living session is taken over beyond it. */
struct work *work_begin(struct hub *hub, struct hub_case *of);
/* The same for what is done beside the steps of the case: shown to a person, told to the partner. */
struct work *work_begin_aside(struct hub *hub, struct hub_case *of);
/* Frees the work and looks at the case again (flow_next). */
void work_end(struct work *work);
/* The pause after so many failures in a row, milliseconds: doubled from HUB_RETRY_FIRST_MS to HUB_RETRY_MAX_MS. */
uint64_t work_backoff(uint32_t failures);
/* Ends the work; the case is looked at again after a growing delay. `waiting`: English words for status, N_(). */
void work_retry(struct work *work, const char *waiting);
/* Ends without looking again before something changes (a token logs in, a person acts) or `ms` pass. */
void work_wait(struct work *work, const char *waiting, uint64_t ms);
/* Notes the first failure. */
void work_fail(struct work *work, int err, const char *why);
/* One pending thing more, one less; at zero `done` is called. */
void work_pend(struct work *work);
void work_settle(struct work *work);

/* --- work_store.c: requests to the store. Each adds one pending; results and failures stand in the work. --- */
void work_append(struct work *work, const char *type, work_done done); /* appends work->record as `type` to the case */
/* Two records in one batch; `first` is finished text. */
void work_append_two(struct work *work, const char *first_type, struct lines *first, const char *type, work_done done);
void work_take(struct work *work, const char *number, const char *role, int fd, uint64_t limit, struct work_output *output);
/* `index`: the record that refers to the object, 0: the latest. */
/* The same; whether it came before is told by `guard` (32 bytes), not by the content: then the record under construction gets a line `seen`. */
void work_take_once(struct work *work, const char *number, const char *role, int fd, uint64_t limit, struct span guard, struct work_output *output);
/* Has the object of the record `index` opened by that key; what is in it becomes `output`. */
void work_decrypt(struct work *work, const char *role, uint64_t index, const char *key, uint64_t limit, struct work_output *output);
void work_copy(struct work *work, const char *number, const char *role, uint64_t index, int fd);
void work_sign(struct work *work, const char *key, const char *role, struct lines *parameters, work_done done);

/* Any request whose answer says only yes or no. */
void work_request(struct work *work, struct wire_message *message);

/* --- work_job.c --- */
struct work_input {
	const char *role; /* object of the case, streamed from the store; NULL: use fd */
	int fd;           /* borrowed */
	uint64_t index;   /* of the record that refers to the object, 0: the latest */
};
/* Runs a job with these inputs; outputs stand in work->outputs (role, when, limit). When it is over and went well, outputs that count are taken by the store, and
 * then `done` is called. work->err tells. */
void work_job(struct work *work, const char *kind, const char *partner, struct lines *parameters, const struct work_input *inputs, size_t input_count,
              work_done done);
void work_output_add(struct work *work, const char *role, const char *when, uint64_t limit);
/* An output that becomes no object: its memory file is left in the work, closed with it. */
void work_output_keep(struct work *work);
/* The words of the result, "" when absent. */
const char *work_result(const struct work *work, const char *name);
bool work_result_is(const struct work *work, const char *name, const char *value);

/* --- flow*.c --- */
/* Looks at a case and begins its next step when there is one and nothing is under way. */
void flow_next(struct hub *hub, struct hub_case *of);
/* Looks at all open cases. */
void flow_all(struct hub *hub);
/* flow_query.c: is this a form by which the box asks a partner? */
bool flow_form_asks(const struct catalogue_form *form);
/* Is this a case by which it asks? What is sent then is made from the text that was handed in: */
bool flow_asks(const struct hub_case *of);
/* the role of that object, where others have `original`. */
const char *flow_basis(const struct hub_case *of);
/* The certificate whose key opens answers, as a descriptor to be closed. */
int flow_answer_certificate(const struct hub_partner *partner);
void flow_open(struct hub *hub, struct hub_case *of);      /* flow_open.c: closed with data -> deciphered, each item to Dosle */
void flow_recognise(struct hub *hub, struct hub_case *of); /* flow_intake.c: received -> recognised, unknown, refused */
void flow_decide(struct hub *hub, struct hub_case *of);    /* recognised -> approved or held; refused, where the partner's program finds it unfit */
/* What was recognised and is decided now. */
struct decision {
	struct lines recognised; /* the record that goes before, in the same batch; nothing in it: it stands in the journal already */
	const char *partner, *env, *form;
	bool approval_needed, two_person;
	bool asks; /* a query: the same may be asked again */
};
/* May it go? Appends the decision, and what was recognised before it; `work` keeps nothing of `decision`. */
void flow_decision(struct work *work, struct decision *decision);
/* flow_check.c: asks the partner's program first where its catalogue wants that, then as flow_decision. */
void flow_check(struct work *work, const struct decision *decision);
/* What the catalogue and the configuration ask for: the stricter of the two. */
enum config_approval flow_approval(const struct hub_partner *partner, const struct catalogue_form *form);
/* The evidence that the partner owes for a filing it accepts: the value of `owes` in `recognised` (FORMAT.txt, section 6). */
const char *flow_owes(const struct hub_partner *partner);
void flow_precheck(struct hub *hub, struct hub_case *of); /* flow_precheck.c: ready; asks about the form first, where that is wanted, or signs it */
void flow_sign(struct hub *hub, struct hub_case *of);     /* flow_sign.c: ready -> signed */
void flow_request(struct hub *hub, struct hub_case *of, enum case_purpose purpose); /* flow_send.c: -> request [-> sending] -> session */
/* The answer to a filing does not say whether it arrived, but how to ask (verdict `ask`): puts the first question. The receipt is the first output of the work. The
 * case stays `sending` until the partner's answers settle it. */
void flow_ask(struct work *work);
void flow_lost(struct hub *hub, struct hub_case *of);      /* a request or sending without a living session and without a durable word */
void flow_roll_back(struct hub *hub, struct hub_case *of); /* the journal was put back: any open case -> unclear (design 3) */
void flow_not_sent(struct hub *hub, struct hub_case *of);  /* a test run or poll that did not get out */
void flow_classify(struct hub *hub, struct hub_case *of);  /* flow_reply.c: reply, attached -> tested, sent, closed, unclear, verified */
void flow_confirm(struct hub *hub, struct hub_case *of);   /* flow_reply.c: verified -> sent, closed, unclear */
void flow_seal(struct hub *hub, struct hub_case *of);      /* flow_seal.c: unclear -> verified, once the certificate behind its seal is approved */
void flow_seal_wait(struct work *work);                    /* ends the work: a person must approve that certificate */
void flow_verify(struct work *work);                       /* a CMS reply -> verified; goes on with a work of flow_classify */
/* The server of this partner asks for a certificate first: why the token that holds its key cannot be used now, English for translation. NULL: it can. */
const char *flow_login_waiting(const struct hub *hub, const struct hub_partner *partner);
void flow_next_send(struct hub *hub, struct hub_case *of);
void flow_next_poll(struct hub *hub, struct hub_case *of);

/* --- session.c: an exchange under way; the work lives as long as its session --- */
/* The authorising record is durable and the job's result (method, path, headers) stands in the work. */
void session_start(struct work *work);
/* Method, address, headers and limits as the network program wants them: what the job's result in the work asks for, within what the configuration allows. */
void session_request(const struct work *work, struct lines *ret);

void flow_deliver(struct hub *hub, struct hub_case *of); /* deliver.c: papers to the share */

/* --- waiting.c --- */
/* Until when (UTC) content that was sent as another case must not be sent once more, by what its partner takes for duplicates; 0: it may go. INT64_MAX: while that other
 * case is on its way. */
int64_t flow_duplicate_until(struct hub *hub, const struct hub_case *of);
/* The first pause before the partner is asked for a result, and the longest one. */
void flow_poll_pauses(const struct hub_partner *partner, const struct hub_case *of, uint64_t *ret_first, uint64_t *ret_most);
/* What a case waits for whose partner took it in and is not asked; English for translation, or the catalogue's own words. */
const char *flow_later_words(const struct hub *hub, const struct hub_case *of);
#define CASE_WAITING_SIZE 512
/* Why a case waits, and until when where that is known; translated, "" for nothing. */
void case_waiting(const struct hub_case *of, char ret[CASE_WAITING_SIZE]);

/* Parameters that every job of a partner gets: form, env, options. */
void flow_job_parameters(struct hub *hub, const struct hub_case *of, struct lines *ret);
/* The same for a case that does not say yet whose it is. */
void flow_form_parameters(struct hub *hub, const char *partner, const char *form, const char *env, struct lines *ret);
/* The objects that a job left, as object-ROLE of the record under construction. */
void flow_record_outputs(struct work *work);
/* Puts `case` and, for later records, nothing else into work->record and empties it first. */
void flow_record_begin(struct work *work);
/* A job died: counted against the step unless the partner's program died with it. */
void flow_note_death(struct work *work);
/* True when jobs died on this step FLOW_DEATHS_MAX times: they will always. Called before a job is begun. */
bool flow_dies_always(struct hub *hub, struct hub_case *of);
/* Copies a word of the job's result into the record under construction, under `name`, when it is there. */
void flow_record_result(struct work *work, const char *name, const char *result_name);

#endif
