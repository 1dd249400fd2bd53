/* control_private.h - one caller of the control socket, and the commands that serve it. */
#ifndef HUB_CONTROL_PRIVATE_H
#define HUB_CONTROL_PRIVATE_H

#include "../base/clock.h"
#include "control.h"
#include "flow.h"

#define COMMAND_WORDS_MAX 16

/* Exit codes of the command line (design 7). */
enum command_exit { COMMAND_YES = 0, COMMAND_NO = 1, COMMAND_USAGE = 2, COMMAND_DENIED = 4, COMMAND_DAMAGE = 5 };

#define LIST_TEXT_MAX_BYTES 200
#define LIST_PAGE_ROWS 256 /* cases that one `list` answers with; the next ones come with the next command */
#define LIST_NAMES_MAX_BYTES (32u << 20)

/* What `list` is to show; an empty text and 0 mean: whatever. */
struct list_filter {
	uint32_t states; /* set of 1 << enum case_state */
	char partner[CONFIG_NAME_MAX + 1], by[32];
	char text[LIST_TEXT_MAX_BYTES * 2 + 1]; /* folded */
	int64_t since_ms, until_ms;             /* UTC of `received`, the end exclusive */
	uint64_t limit;
	char after[CASE_NUMBER_SIZE]; /* only older ones */
	char fault[1024];             /* why the filter cannot be used, translated; "" when it can */
};

struct caller {
	struct caller *next;
	struct control *control;
	struct hub *hub;
	struct channel *channel;
	uid_t uid;
	uint32_t rights;
	char by[32];      /* "uid:1000" */
	uint64_t request; /* id of the command under way, 0: none */
	char words[COMMAND_WORDS_MAX][WIRE_STRING_MAX_BYTES + 1];
	size_t word_count; /* without options */
	char reason[CASE_REASON_MAX_BYTES];
	char sha256[65];               /* `approve`: of what the person looked at; "": not given */
	char from[CLOCK_UTC_SIZE];     /* `partner approve-cert`: UTC; "": at once */
	char tsa[CONFIG_NAME_MAX + 1]; /* `stamps set-remaining`: which; "": the only one */
	bool all, json, form, xml, csv, with_keys;
	char basis[CASE_REASON_MAX_BYTES]; /* `erase`, `archive`: on what it rests */
	bool wish, no_stamp;               /* `erase`: only asked for yet; without a stamp before */
	bool restore, init, same_disk;     /* `archive` */
	struct list_filter filter;
	int fd;                              /* that came with the command, -1: none */
	int page;                            /* memfd of a page under way, -1: none */
	void (*then)(struct caller *caller); /* what follows the record that is being appended; NULL: the flow goes on */
	struct hub_case *of;                 /* that the command is about */
	unsigned pending;                    /* answers still to come */
	struct caller_export *export;        /* `export` under way, NULL: none */
	size_t token;                        /* that `token login` waits for */
	int exit_code;                       /* the worst so far */
	char text[CASE_REASON_MAX_BYTES];
	char more[CASE_NUMBER_SIZE]; /* `list` has more cases, beginning after this one */
	bool gone;                   /* the peer left; freed when nothing is pending */
};

struct control {
	struct hub *hub;
	int listener, watch;
	struct caller *callers;
	size_t count;
};

typedef void (*command_handler)(struct caller *caller);

struct command {
	const char *name, *sub; /* sub NULL: none */
	uint32_t right;
	size_t words_least; /* command and sub-command included */
	bool about_case;    /* the next word is a case number: caller->of is set */
	command_handler run;
};

/* --- what handlers use --- */
/* A row; the lines are freed. */
void caller_row(struct caller *caller, const char *kind, struct lines *lines);
void caller_field(struct caller *caller, const char *name, const char *value);
void caller_content(struct caller *caller, const char *name, int fd);
/* Ends the command. `text` is translated already; NULL for none. */
void caller_finish(struct caller *caller, int exit_code, const char *text);
/* How far the command is: `done` of `count`, or only the text (translated) where `count` is 0. */
void caller_progress(struct caller *caller, uint64_t done, uint64_t count, const char *text);
/* For commands with several answers: one more, one less; with the last one the command ends with exit_code and text. */
void caller_pend(struct caller *caller);
void caller_settle(struct caller *caller);
/* The words for a failure of the box's inside, and the exit code for it. */
int caller_fail(struct caller *caller, int err, const char *why);
/* Appends a record about caller->of (or about the box, where that is NULL) in the caller's name: `by` and, where given, `reason` are added; the lines are freed.
 * The command ends with the answer, when nothing else is pending. */
void caller_append(struct caller *caller, const char *type, struct lines *lines);
/* The same; `then` follows when the record is durable. */
void caller_append_then(struct caller *caller, const char *type, struct lines *lines, void (*then)(struct caller *caller));
/* False after the caller was refused: the case needs an approval that this person cannot give. */
bool caller_may_approve(struct caller *caller);
struct span caller_word(const struct caller *caller, size_t n);
/* True after the caller was refused: the content of the case was erased. */
bool caller_content_gone(struct caller *caller);
/* Closed, its papers put away, nothing under way. */
bool case_is_at_rest(const struct hub_case *of);
/* Must it still be kept (keep-until)? */
bool case_must_keep(const struct hub_case *of, int64_t now_ms);

/* list_filter.c */
void list_filter_read(const struct hub *hub, const struct wire_message *message, struct list_filter *ret);
/* `named`: the name of the case's file holds the text. */
bool list_filter_matches(const struct hub *hub, const struct list_filter *filter, const struct hub_case *each, bool named);
/* Lower case, without diacritics, for comparing: "Přiznání" -> "priznani". Cut at a character border to `size`. */
void list_fold(struct span text, char *ret, size_t size);

/* commands_*.c */
/* An object of the case, straight from the store to the caller under a file name; `object` NULL: the names of all cases. */
void caller_copy_to(struct caller *caller, const char *name, const char *object, uint64_t index);
void command_status(struct caller *caller);
void command_list(struct caller *caller);
void command_show(struct caller *caller);
void command_show_content(struct caller *caller);
void command_export(struct caller *caller);
void caller_export_free(struct caller *caller);
void command_ask(struct caller *caller);
void command_send(struct caller *caller);
void command_poll(struct caller *caller);
void command_classify(struct caller *caller);
void command_approve(struct caller *caller);
void command_reject(struct caller *caller);
void command_retry(struct caller *caller);
void command_attach(struct caller *caller);
void command_delete(struct caller *caller);
void command_erase(struct caller *caller);
void command_archive(struct caller *caller);
void command_token_list(struct caller *caller);
void command_token_login(struct caller *caller);
void command_token_logout(struct caller *caller);
void command_journal_verify(struct caller *caller);
void command_journal_checkpoint(struct caller *caller);
void command_backup(struct caller *caller);
void command_maintenance(struct caller *caller);
void command_token_test(struct caller *caller);
void command_journal_accept(struct caller *caller);
void command_clock_accept(struct caller *caller);
void command_mail_test(struct caller *caller);
void command_journal_stamp(struct caller *caller);
void command_stamps(struct caller *caller);
void command_stamps_set(struct caller *caller);
void command_partner_certs(struct caller *caller);
void command_partner_approve(struct caller *caller);
void command_partner_revoke(struct caller *caller);
void command_partner_announce(struct caller *caller); /* announce.c */
/* Parts of `status`. */
void command_status_mail(struct caller *caller);
void command_status_stamps(struct caller *caller);

#endif
