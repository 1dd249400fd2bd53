/* cli.h - podatelna, the operator's command line (design 7). It is thin: it hands the words to the hub and prints the rows that come back.
 *
 * What the hub gets: WIRE_COMMAND with ARGUMENT... = the words of the command without the program's own options: command, sub-command where it has one, then
 * the positional words, then each option of the command that was given as one word "--reason=TEXT" or "--all" (those with `to_hub` in the table). KIND is "text"
 * or "json" (it changes nothing that the hub must do). Descriptors:
 *   token login [NAME]   a pipe that holds the PIN without line end
 *   attach ID FILE       the file, open for reading; FILE itself is not sent
 *   export ID DIR        the folder; DIR itself is not sent. Files may also come as WIRE_CONTENT, NAME = name of the file: they are created there by the CLI
 *   backup FILE          the file, open for writing; FILE itself is not sent
 *   ask PARTNER NAME     what `cssz` sends: the text of a query (base/query.h)
 *   show ID --form|--xml [FILE]   FILE is not sent; the content comes as WIRE_CONTENT and goes into FILE or the pipe behind standard output as it is
 * What it answers: WIRE_OUTPUT rows (rows.h), WIRE_CONTENT (NAME "names": lines "case TAB name" that are joined into the `case` rows; any other is printed
 * below the rows), WIRE_PROGRESS, and at the end WIRE_FINISHED {CODE exit code, TEXT} or WIRE_ERROR {CODE -enum err, TEXT}.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_DEFAULT_SOCKET "/run/podatelna/control"
#define CLI_DEFAULT_CONFIG "/etc/podatelna/podatelna.conf"
#define CLI_WORDS_MAX 16
#define CLI_PATH_MAX_BYTES 4096
#define CLI_TALK_MS 600000           /* a command that a person waits for */
#define CLI_VERIFY_MS (24 * 3600000) /* journal verify */

/* Exit codes (design 7). */
enum cli_exit {
	CLI_YES = 0,
	CLI_NO = 1,
	CLI_USAGE = 2,
	CLI_UNREACHABLE = 3,
	CLI_DENIED = 4,
	CLI_DAMAGE = 5,
};

struct cli {
	char socket[CLI_PATH_MAX_BYTES];
	const char *config; /* NULL: not given */
	bool json;
	bool in_console;
	FILE *out, *err;
};

/* Every option there is; command.c says what each means and which command takes it. */
enum cli_option_id {
	CLI_O_CONFIG,
	CLI_O_SOCKET,
	CLI_O_LANGUAGE,
	CLI_O_JSON,
	CLI_O_HELP,
	CLI_O_VERSION,
	CLI_O_REASON,
	CLI_O_ALL,
	CLI_O_PIN_FILE,
	CLI_O_FORM,
	CLI_O_XML,
	CLI_O_SHA256,
	CLI_O_STATE,
	CLI_O_PARTNER,
	CLI_O_SINCE,
	CLI_O_UNTIL,
	CLI_O_MONTH,
	CLI_O_BY,
	CLI_O_TEXT,
	CLI_O_LIMIT,
	CLI_O_CSV,
	CLI_O_TSA,
	CLI_O_LABEL,
	CLI_O_ID,
	CLI_O_TYPE,
	CLI_O_USE,
	CLI_O_SUBJECT,
	CLI_O_OUT,
	CLI_O_WIPE,
	CLI_O_REPLACE,
	CLI_O_SO_PIN_FILE,
	CLI_O_WITH_KEYS,
	CLI_O_BASIS,
	CLI_O_WITHOUT_STAMP,
	CLI_O_BEFORE,
	CLI_O_RESTORE,
	CLI_O_INIT,
	CLI_O_SAME_DISK,
	CLI_O_FROM,
	CLI_O_TO,
	CLI_O_VS,
	CLI_O_YEAR,
	CLI_O_NUMBER,
	CLI_O_OLD,
	CLI_O_COUNT,
};

struct cli_option {
	const char *name;     /* without the dashes */
	const char *argument; /* for the help; NULL: a flag */
	const char *help;     /* N_() */
	bool global;          /* every command takes it */
	bool to_hub;          /* handed to the hub as a word */
};

/* What `list` asks for, as typed fields of the command; NULL, 0: whatever. */
struct cli_filter {
	const char *states; /* divided by commas */
	const char *partner, *text;
	char by[32];                /* as in the journal: "uid:1000", "box" */
	int64_t since_ms, until_ms; /* UTC, the end exclusive */
	uint64_t limit;
};

struct cli_call {
	const struct cli_command *command;
	const char *words[CLI_WORDS_MAX]; /* command, sub-command, positional words */
	size_t word_count;
	const struct cli_filter *filter; /* NULL: none */
	const char *given[CLI_O_COUNT];  /* values of options; "" for a flag, NULL: not given */
	bool raw;                        /* content goes to raw_to byte by byte, and nothing else does */
	int raw_to;
};

struct cli_command {
	const char *name, *sub;                                   /* sub NULL: none */
	const char *arguments;                                    /* positional words and needed options, for the help */
	const char *help;                                         /* N_() */
	size_t least, most;                                       /* positional words after them */
	uint64_t options;                                         /* 1 << enum cli_option_id that it takes, */
	uint64_t needed;                                          /* and must have */
	int (*run)(struct cli *cli, const struct cli_call *call); /* an exit code */
};

/* The whole program: an exit code. */
int cli_main(int count, char **words, FILE *out, FILE *err);
/* One command from its words; used by the console too. */
int cli_run(struct cli *cli, int count, char **words);

/* command.c: the one table of commands and options; help, completion and manual are made of it. The last command has no name. */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_options[CLI_O_COUNT];

/* help.c: all commands, or with `name` those of this name (and `sub` where not NULL). False when there is none. */
bool cli_help(FILE *to, const char *name, const char *sub);
/* The same tables, and the states of a case, as JSON rows: manual and completion are made of them. 0 or a negative error. */
int cli_help_rows(FILE *to);

/* talk.c: one command to the hub, its rows to cli->out. `fd` < 0: none. `directory` < 0: content goes to standard output. An exit code. */
int cli_talk(struct cli *cli, const struct cli_call *call, size_t words_sent, int fd, int directory);

/* link.c: the connection with the hub. */
/* 0 and *ret_link, or an errno. Says nothing. */
int cli_link_connect(const struct cli *cli, int *ret_link);
/* An exit code when it failed, after saying why; otherwise CLI_YES and *ret_link. */
int cli_link_open(struct cli *cli, int *ret_link);
/* Says that the box does not answer: CLI_UNREACHABLE. */
int cli_link_lost(struct cli *cli, const char *why);
/* Sends the command. `after`: the case after which a list goes on, "" for its beginning. 0 or a negative error. */
int cli_link_send(const struct cli *cli, int link, const struct cli_call *call, size_t words_sent, int fd, const char *after, uint64_t limit,
                  uint64_t deadline_ms);

/* list.c: the command `list`, */
int cli_list(struct cli *cli, const struct cli_call *call);
/* and its --since, --until, --month: an exit code, after saying what is wrong. */
int cli_read_period(struct cli *cli, const struct cli_call *call, struct cli_filter *ret);
/* period.c: "2026-11-21", "21. 11. 2026" -> the moment its day begins in the Czech calendar; the next day with `days` 1. */
bool cli_period_day(const char *text, int days, int64_t *ret_utc_ms);
/* "2026-11", "11. 2026", "11/2026" -> first moment of the month and of the next one. */
bool cli_period_month(const char *text, int64_t *ret_since_ms, int64_t *ret_until_ms);

/* archive.c: the command `archive`. */
int cli_archive(struct cli *cli, const struct cli_call *call);

/* query.c: the command `cssz` with the name of a query. */
int cli_query(struct cli *cli, const struct cli_call *call);

/* show.c: the command `show`. */
int cli_show(struct cli *cli, const struct cli_call *call);

/* pin.c: a pipe that holds the PIN, or -1 after saying why. `name` may be NULL. */
int cli_pin_pipe(struct cli *cli, const char *name, const char *pin_file);

#define CLI_PIN_MAX_BYTES 255

/* One more than a PIN may have, so that a longer one is seen. */
struct cli_pin {
	char text[CLI_PIN_MAX_BYTES + 2];
	size_t length;
};

/* From the file ("-" or NULL: the terminal without echo, or standard input); false after saying why. Wipe it afterwards. `prompt` translated. */
bool cli_pin_read(struct cli *cli, const char *prompt, const char *pin_file, struct cli_pin *ret);
int cli_pin_pipe_of(const struct cli_pin *pin);
void cli_pin_wipe(struct cli_pin *pin);

/* tool.c: token init, make-key, import-cert: done by podatelna-token itself, while no box runs. */
int cli_tool(struct cli *cli, const struct cli_call *call);

/* backup.c: the commands `backup` and `restore`. */
int cli_backup(struct cli *cli, const struct cli_call *call);
int cli_restore(struct cli *cli, const struct cli_call *call);

/* daemon.c: becomes podatelnad with these words; returns when it cannot. For a child. */
void cli_daemon_exec(char *const words[]);
/* `podatelnad --config FILE --get KEY` beside this program. False when it said nothing usable. */
bool cli_daemon_get(const char *config, const char *key, char *ret, size_t size);
/* `podatelnad --config FILE --check`: its exit code. */
int cli_daemon_check(struct cli *cli);

/* watch.c: the live view. */
int cli_watch(struct cli *cli, const struct cli_call *call);

/* console.c: commands line by line from standard input until its end. */
int cli_console(struct cli *cli, const struct cli_call *call);

#endif
