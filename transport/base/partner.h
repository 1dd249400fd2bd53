/* partner.h - the list of partners (transport/partners.c), the kinds of jobs that hold for all, and small helpers for jobs. */
#ifndef TRANSPORT_BASE_PARTNER_H
#define TRANSPORT_BASE_PARTNER_H

#include "job.h"
#include "xmlwalk.h"

#define JOB_XML_LIMIT_BYTES (UINT64_C(10) << 20)   /* one filing (spec/epo 5) unless `limit` says otherwise */
#define JOB_STREAM_MAX_BYTES (UINT64_C(256) << 20) /* what is only read through, in constant memory; its size was limited where it came in */
#define JOB_REPLY_EXTRA_BYTES (UINT64_C(2) << 20)

/* NULL-terminated. */
extern const struct partner *const partners[];
const struct partner *partner_find(const char *name);

/* What recognition keeps of a form; cut to the sizes, control characters replaced. */
struct form_facts {
	char version[64];
	char year[8], month[4], quarter[4];
};
/* Formats that know more about an XML document than its names: called for every element; NULL-terminated. */
typedef void (*form_recogniser)(struct form_facts *facts, const struct xml_element *root_child_or_deeper);
extern const form_recogniser form_recognisers[];

/* The kinds of jobs. Each returns 0 or a negative error with job->reason filled. */
struct job_kind {
	const char *name;
	int (*run)(struct job *job);
};
/* NULL-terminated: those of job.h. */
extern const struct job_kind job_kinds[];
int job_run(const struct job_kind *kinds, struct job *job);

/* The kinds that are the same for every partner, as job.h describes them. */
int job_recognise(struct job *job);
int job_verify(struct job *job);
int job_render(struct job *job);
int job_digest(struct job *job);
int job_certificates(struct job *job);
int job_open(struct job *job);
int job_announce(struct job *job);
/* transport/tsa */
int job_stamp_query(struct job *job);
int job_stamp_reply(struct job *job);
int job_stamp_imprint(struct job *job);
int job_stamp_embed(struct job *job);
int job_trust_chain(struct job *job);
int job_trust_crl(struct job *job);

/* Descriptors of `classify` (job.h). */
enum classify_fd { CLASSIFY_REPLY = 1, CLASSIFY_ORIGINAL, CLASSIFY_RECEIPT, CLASSIFY_RECEIPT_OUT, CLASSIFY_REPORT_OUT, CLASSIFY_DATA_OUT };

/* --- helpers --- */
/* Descriptor n as job.h counts them (1 is the first after the job socket); -1 when it did not come. */
int job_fd(const struct job *job, size_t n);
/* The same, at its beginning where it can be rewound: somebody may have read it before. */
int job_input(const struct job *job, size_t n);
/* Says why and returns `err`. */
int job_fail(struct job *job, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A parameter as string; `otherwise` when it is absent or does not fit. Returns false when it did not come. */
bool job_parameter(const struct job *job, const char *name, const char *otherwise, char *ret, size_t size);
/* Where an absent value is "" and one that does not fit must not count as absent: 0 or ERR_LIMIT. */
int job_parameter_whole(const struct job *job, const char *name, char *ret, size_t size);
uint64_t job_parameter_u64(const struct job *job, const char *name, uint64_t otherwise);
/* True when parameter `name`, words separated by any of `separators`, holds `word`. */
bool job_list_has(const char *list, const char *separators, const char *word);
/* A foreign text as a value of lines.h: cut at a character; white space becomes a blank, other control characters and invalid UTF-8 '?'. */
void job_copy_value(struct span from, char *ret, size_t size);
/* Without blanks at both ends. */
void job_trim(char *text);
/* RFC 3986 2.3: everything but unreserved characters as %XX. False when it does not fit. */
bool job_percent_encode(struct span from, char *ret, size_t size);
/* All that can be read from `from`, at most `limit` bytes (ERR_LIMIT), as a memory file at its beginning: what is a pipe can be read only once. */
int job_keep(int from, uint64_t limit, int *ret);
/* Hands over everything that can be read from `fd`, at most `limit` bytes (ERR_LIMIT), in pieces. */
int job_each_chunk(int fd, uint64_t limit, int (*on_bytes)(void *context, struct span bytes), void *context);

#endif
