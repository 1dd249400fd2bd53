/* catalogue.h - what the box knows about partners and their messages: data in config/catalogue/ *.conf, not code (design 5, 8).
 *
 * A partner says how its messages are signed, sent and asked about; a form says how a message is recognised. A new message type is a few lines there.
 */
#ifndef CONFIG_CATALOGUE_H
#define CONFIG_CATALOGUE_H

#include "config.h"

#define CATALOGUE_FILE_MAX_BYTES (256u * 1024u)
#define CATALOGUE_PARTNERS_MAX 32
#define CATALOGUE_FORMS_MAX 1024
#define CATALOGUE_LABELS_MAX 256
#define CATALOGUE_ID_MAX 48 /* id of a form: [A-Za-z0-9_.-]+ */

/* A text for people in both languages. */
struct catalogue_text {
	char *cs, *en;
};

enum catalogue_evidence { CATALOGUE_SIGNED, CATALOGUE_CHANNEL };

/* `partner "name" { }` */
struct catalogue_partner {
	char *name;
	struct catalogue_text label;
	struct config_list folders; /* names of sub-folders of Podat that mean this partner, besides its own name; compared without case */
	char *sign_form;            /* attached-der, attached-ber, detached-der */
	char *digest;               /* sha256, sha384, sha512 */
	char *sign_attributes; /* of a signature: cades, plain (without the signer's certificate among them), none (none at all: over the content itself) */
	char *sign_want;       /* words about the certificate, for the token ("epo") */
	bool test_first;
	bool compose_content; /* what is signed is made by the partner's program from the original */
	bool check;           /* a form is looked at by the partner's program before it is decided whether it may go (job.h) */
	bool stamp;
	bool close;                       /* it is told once that its final word is stored here */
	char *confirmation;               /* what the signed reply is, as the end of its file name: p7s (CMS), xml (a seal inside) */
	enum catalogue_evidence evidence; /* `done` needs it (design 2) */
	enum config_approval approval;    /* for forms that do not say */
	uint64_t poll_first_ms, poll_max_ms, poll_give_up_ms;
	uint64_t poll_deferred_ms;  /* likewise, of a filing that the partner processes later; 0: as others */
	uint64_t duplicate_wait_ms; /* identical content is not sent again before so long; 0: at once */
	uint64_t poll_factor;
	char *retention;              /* how long a closed filing must be kept (config_retention_until) */
	uint64_t ask_person_after_ms; /* still no final word: says so on the card and in status; 0: never */
	uint64_t absent_after_ms;     /* a filing that the partner gave an identifier and never knew for so long did not arrive; 0: only a person can say so */
	struct config_list environments; /* "production=epodani.cssz.cz": servers that are known to be of an environment, so that none is taken for another */
	struct config_list roads,
	    roads_prepared;           /* values that the option `road` may have; and those that the partner's program knows but the box cannot go yet */
	struct config_list encodings; /* accepted declared encodings of XML, lower case; empty: any */
	struct config_list options;   /* "name=value" for the jobs (job.h: option.<name>) */
};

/* `form "id" { }`: a message is of this form when format, root, namespace, child and file name all are what is given here. */
struct catalogue_form {
	char *id; /* unique within the partner */
	char *partner;
	struct catalogue_text label;
	char *kind;                    /* kind of case: filing, query, task */
	char *format;                  /* xml, zip, cms, pdf, query (base/query.h: root is what is asked), binary: what the first bytes say; default xml */
	char *root;                    /* local name of the root element; "": any */
	char *namespace_uri;           /* "*": any (default); "": none */
	char *child;                   /* local name of the first child; "*": any, then the case's form is that name; "": not looked at */
	uint64_t children;             /* the root must have exactly so many children or the message is refused; 0: not looked at */
	char *file_name;               /* shell pattern, without case; "": any */
	enum config_approval approval; /* that of the partner where the form does not say */
	bool zip;                      /* what is signed is a ZIP of the original */
	struct config_list options;    /* "name=value" for the jobs, after those of the partner: the form has the last word */
	struct catalogue_text later;   /* why a case waits whose partner took it in and is not asked any more; "": in general words */
	char *refuse;                  /* "": taken. Otherwise a short word for the record: recognised, but never to be sent from here */
	struct catalogue_text refuse_why, refuse_advice;
};

/* `labels "id" { }`: what people call the elements and attributes of a form, for the page that is read before signing. */
struct catalogue_labels {
	char *id; /* says what it is about; otherwise without a meaning */
	char *partner;
	char *form;                /* id of a form; "": all forms of the partner that do not say otherwise */
	struct config_list labels; /* "Element@attribute=Czech|English"; also "Element=" and "@attribute=" (of any element) */
};

struct catalogue {
	struct catalogue_partner *partners;
	size_t partner_count;
	struct catalogue_form *forms;
	size_t form_count;
	struct catalogue_labels *labels;
	size_t labels_count;
	char language[3];
};

/* Loads every *.conf of the directories, in the order of their names. Findings as in config.h. ERR_FORMAT, ERR_NOTFOUND (a directory), ERR_MEMORY. */
int catalogue_load(const struct config_list *directories, const char *language, struct catalogue **ret, struct config_report *report);
/* One file from memory. */
int catalogue_parse(struct span text, const char *file, const char *language, struct catalogue **ret, struct config_report *report);
void catalogue_free(struct catalogue *catalogue);
static inline void catalogue_free_place(struct catalogue **place)
{
	catalogue_free(*place);
}
#define _cleanup_catalogue_ __attribute__((cleanup(catalogue_free_place)))

enum catalogue_verdict {
	CATALOGUE_FORM,       /* form, partner, id are set */
	CATALOGUE_UNKNOWN,    /* nothing fits: Nezname */
	CATALOGUE_REFUSED,    /* it is clear what it is, or that it is broken; it cannot be used: Chyby. form and partner may be NULL */
	CATALOGUE_INCOMPLETE, /* its own end is not there yet (fact `complete: no`) */
};

struct catalogue_match {
	enum catalogue_verdict verdict;
	const struct catalogue_form *form;
	const struct catalogue_partner *partner;
	char id[CATALOGUE_ID_MAX + 1]; /* form for the record: the id, or the child's name for a form with child "*" */
	const char *reason;            /* short word for the record ("no-form", "doctype", ...), "" for CATALOGUE_FORM */
	const char *why, *advice;      /* for the card, in the language of the catalogue; "" for CATALOGUE_FORM */
};

/* `text`: result LINES of the job `recognise` (job.h). `folder`: sub-folder of Podat, "" for none. `file_name`: as on the share, UTF-8, may be "".
 * A folder that means a partner restricts the search to that partner; any other folder is ignored. The form with most conditions wins; two partners that tie
 * are CATALOGUE_UNKNOWN with reason "ambiguous". Never fails: facts that cannot be read are CATALOGUE_UNKNOWN. */
void catalogue_match(const struct catalogue *catalogue, struct span text, const char *folder, const char *file_name, struct catalogue_match *ret);

/* The words for a reason that catalogue_match gave, also after a restart: why, and what to do. False when it gave no such reason. */
bool catalogue_explain(const struct catalogue *catalogue, const char *reason, const char **ret_why, const char **ret_advice);
const struct catalogue_partner *catalogue_partner_find(const struct catalogue *catalogue, const char *name);
/* By id within a partner; falls back on the partner's form with child "*". `partner` NULL: any partner, when only one has it. NULL when there is none. */
const struct catalogue_form *catalogue_form_find(const struct catalogue *catalogue, const char *partner, const char *id);
/* The labels for a form of a partner in the language of the catalogue, as lines KEY=WORDS LF; those of the form itself first. The length written, or
 * ERR_LIMIT when they do not fit. */
int catalogue_labels_write(const struct catalogue *catalogue, const char *partner, const char *form, char *ret, size_t size);
/* The text in the language of the catalogue. */
const char *catalogue_say(const struct catalogue *catalogue, const struct catalogue_text *text);

#endif
