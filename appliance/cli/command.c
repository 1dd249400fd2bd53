#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/fdio.h"
#include "../base/state.h"
#include "../base/text.h"
#include "rows.h"

static int run_plain(struct cli *cli, const struct cli_call *call)
{
	return cli_talk(cli, call, call->word_count, -1, -1);
}

static int run_help(struct cli *cli, const struct cli_call *call)
{
	const char *name = call->word_count > 1 ? call->words[1] : NULL;

	if (cli->json) {
		return cli_help_rows(cli->out) == 0 ? CLI_YES : CLI_NO;
	}
	if (cli_help(cli->out, name, call->word_count > 2 ? call->words[2] : NULL)) {
		return CLI_YES;
	}
	(void)fprintf(cli->err, _("podatelna: there is no such command: %s\n"), name);
	return CLI_USAGE;
}

static int run_version(struct cli *cli, const struct cli_call *call)
{
	(void)call;
	(void)fprintf(cli->out, "podatelna %s\n", PODATELNA_VERSION);
	return CLI_YES;
}

static int run_config_check(struct cli *cli, const struct cli_call *call)
{
	(void)call;
	return cli_daemon_check(cli);
}

/* `send` and `poll` are for one case, or for all. */
static int run_one_or_all(struct cli *cli, const struct cli_call *call)
{
	if ((call->word_count > 1) == (call->given[CLI_O_ALL] != NULL)) {
		(void)fprintf(cli->err, _("podatelna: %s needs the number of a case, or --all\n"), call->command->name);
		return CLI_USAGE;
	}
	return run_plain(cli, call);
}

/* Without a name: the one token that waits for its PIN, so that nobody types a PIN for nothing. False after saying which there are. */
static bool choose_token(struct cli *cli, char *ret, size_t size)
{
	struct rows rows = { 0 };
	char name[128], state[64], all[512] = "";
	size_t waiting = 0, count = 0;
	int code = rows_fetch(cli, "status", &rows);

	for (size_t i = 0; i < rows.count; i++) {
		if (strcmp(rows.rows[i].kind, "token") != 0) {
			continue;
		}
		rows_value(&rows.rows[i], "token", name, sizeof name);
		rows_value(&rows.rows[i], "state", state, sizeof state);
		(void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s: %s", count++ == 0 ? "" : ", ", name, state_token_label(state));
		if ((strcmp(state, "pin-needed") == 0 || strcmp(state, "pin-refused") == 0) && ++waiting == 1) {
			(void)snprintf(ret, size, "%s", name);
		}
	}
	rows_free(&rows);
	if (code == CLI_YES && waiting == 0 && count > 0) {
		(void)fprintf(cli->err, _("podatelna: no token waits for its PIN (%s)\n"), all);
	} else if (code == CLI_YES && waiting != 1) {
		(void)fprintf(cli->err, _("podatelna: which token? podatelna token login NAME (%s)\n"), all);
	}
	return code == CLI_YES && waiting == 1;
}

/* Is the PIN of this token entered at its reader? `name` NULL: there is one token only. An exit code when the box does not say. */
static int look_for_pad(struct cli *cli, const char *name, bool *ret)
{
	struct rows rows = { 0 };
	char found[128], pin[16];
	size_t count = 0, pads = 0;
	int code = rows_fetch(cli, "status", &rows);

	for (size_t i = 0; i < rows.count; i++) {
		rows_value(&rows.rows[i], "token", found, sizeof found);
		rows_value(&rows.rows[i], "pin", pin, sizeof pin);
		if (strcmp(rows.rows[i].kind, "token") == 0 && (name == NULL || strcmp(found, name) == 0)) {
			count++;
			pads += strcmp(pin, "pinpad") == 0;
		}
	}
	rows_free(&rows);
	*ret = count == 1 && pads == 1;
	return code;
}

/* Nothing is read here: the command carries an empty pipe. */
static int login_at_reader(struct cli *cli, const struct cli_call *call)
{
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;

	if (fd_pipe(&from, &to) < 0) {
		return CLI_NO;
	}
	(void)fputs(_("Enter the PIN at the reader now.\n"), cli->err);
	return cli_talk(cli, call, call->word_count, from, -1);
}

static int run_login(struct cli *cli, const struct cli_call *call)
{
	_cleanup_close_ int pin = -1;
	struct cli_call named = *call;
	bool at_reader = false;
	char name[128];

	if (call->word_count == 2 && call->given[CLI_O_PIN_FILE] == NULL && isatty(STDIN_FILENO) == 1) {
		if (!choose_token(cli, name, sizeof name)) {
			return CLI_NO;
		}
		named.words[named.word_count++] = name;
	}
	if (call->given[CLI_O_PIN_FILE] == NULL) {
		int code = look_for_pad(cli, named.word_count > 2 ? named.words[2] : NULL, &at_reader);

		if (code != CLI_YES || at_reader) {
			return code != CLI_YES ? code : login_at_reader(cli, &named);
		}
	}
	pin = cli_pin_pipe(cli, named.word_count > 2 ? named.words[2] : NULL, call->given[CLI_O_PIN_FILE]);
	return pin < 0 ? CLI_NO : cli_talk(cli, &named, named.word_count, pin, -1);
}

/* -1 after saying why. */
static int open_file(const struct cli *cli, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		(void)fprintf(cli->err, _("podatelna: %s: %s\n"), path, fd < 0 ? strerror(errno) : _("is not a regular file"));
		return -1;
	}
	return take_fd(&fd);
}

/* The box knows no partner by name: it is told which one, and handed the file. */
static int run_announce(struct cli *cli, const struct cli_call *call)
{
	bool general = strcmp(call->words[0], "partner") == 0;
	_cleanup_close_ int fd = open_file(cli, call->words[general ? 3 : 2]);
	struct cli_call told = *call;

	told.words[0] = "partner";
	told.words[2] = general ? call->words[2] : call->words[0];
	return fd < 0 ? CLI_NO : cli_talk(cli, &told, 3, fd, -1);
}

static int run_attach(struct cli *cli, const struct cli_call *call)
{
	_cleanup_close_ int fd = open_file(cli, call->words[2]);

	return fd < 0 ? CLI_NO : cli_talk(cli, call, 2, fd, -1);
}

static int run_stamps(struct cli *cli, const struct cli_call *call)
{
	struct cli_filter filter = { .limit = ROWS_MAX };
	struct cli_call filtered = *call;
	int code = cli_read_period(cli, call, &filter);

	filtered.filter = &filter;
	return code == CLI_YES ? cli_talk(cli, &filtered, call->word_count, -1, -1) : code;
}

/* The box takes moments; the day is read here, where people write it. */
static int run_approve_cert(struct cli *cli, const struct cli_call *call)
{
	struct cli_call dated = *call;
	char moment[CLOCK_UTC_SIZE];
	int64_t from_ms = 0;

	if (call->given[CLI_O_FROM] != NULL) {
		if (!cli_period_day(call->given[CLI_O_FROM], 0, &from_ms)) {
			(void)fprintf(cli->err, "podatelna: %s\n", _("expected a date like 2026-11-21 or 21.11.2026"));
			return CLI_USAGE;
		}
		clock_format_utc(from_ms, moment);
		dated.given[CLI_O_FROM] = moment;
	}
	return run_plain(cli, &dated);
}

static int run_export(struct cli *cli, const struct cli_call *call)
{
	const char *path = call->words[2];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		(void)fprintf(cli->err, _("podatelna: %s: %s\n"), path, strerror(errno));
		return CLI_NO;
	}
	return cli_talk(cli, call, 2, fd, fd);
}

#define BIT(option) (UINT64_C(1) << (option))
#define REASON BIT(CLI_O_REASON)
#define ALL BIT(CLI_O_ALL)
#define PIN_FILE BIT(CLI_O_PIN_FILE)
#define FORM BIT(CLI_O_FORM)
#define XML BIT(CLI_O_XML)
#define SHA256 BIT(CLI_O_SHA256)
#define PERIOD (BIT(CLI_O_SINCE) | BIT(CLI_O_UNTIL) | BIT(CLI_O_MONTH))
#define DAYS (BIT(CLI_O_FROM) | BIT(CLI_O_TO))
#define CSV BIT(CLI_O_CSV)
#define TSA BIT(CLI_O_TSA)
#define SUBJECT BIT(CLI_O_SUBJECT)
#define OUT BIT(CLI_O_OUT)
#define MAKE_KEY (BIT(CLI_O_TYPE) | BIT(CLI_O_USE) | BIT(CLI_O_ID) | BIT(CLI_O_LABEL) | SUBJECT | OUT)
#define WITH_KEYS BIT(CLI_O_WITH_KEYS)
#define WIPE BIT(CLI_O_WIPE)
#define REPLACE BIT(CLI_O_REPLACE)
#define SO_PIN_FILE BIT(CLI_O_SO_PIN_FILE)
#define BASIS BIT(CLI_O_BASIS)
#define ARCHIVE (BASIS | BIT(CLI_O_BEFORE) | BIT(CLI_O_SINCE) | BIT(CLI_O_RESTORE) | BIT(CLI_O_INIT) | BIT(CLI_O_SAME_DISK))
#define FILTER                                                                                                                                                 \
	(BIT(CLI_O_STATE) | BIT(CLI_O_PARTNER) | BIT(CLI_O_SINCE) | BIT(CLI_O_UNTIL) | BIT(CLI_O_MONTH) | BIT(CLI_O_BY) | BIT(CLI_O_TEXT) | BIT(CLI_O_LIMIT))

/* clang-format off */
const struct cli_option cli_options[CLI_O_COUNT] = {
	[CLI_O_CONFIG]   = { "config",   "FILE",  N_("the configuration that names the socket and the language"), true, false },
	[CLI_O_SOCKET]   = { "socket",   "PATH",  N_("where the box listens, when it is not the usual place"), true, false },
	[CLI_O_LANGUAGE] = { "language", "cs|en", N_("the language of all words"), true, false },
	[CLI_O_JSON]     = { "json",     NULL,    N_("print rows as JSON, for other programs"), true, false },
	[CLI_O_HELP]     = { "help",     NULL,    N_("how the command is used"), true, false },
	[CLI_O_VERSION]  = { "version",  NULL,    N_("the version"), true, false },
	[CLI_O_REASON]   = { "reason",   "TEXT",  N_("why; the journal keeps it"), false, true },
	[CLI_O_ALL]      = { "all",      NULL,    N_("all cases; in a list: deleted ones too"), false, true },
	[CLI_O_PIN_FILE] = { "pin-file", "FILE",  N_("take the PIN from the first line of this file (\"-\": standard input)"), false, false },
	[CLI_O_FORM]     = { "form",     NULL,    N_("the form as a page (HTML), into FILE or a pipe; the journal notes who saw it"), false, true },
	[CLI_O_XML]      = { "xml",      NULL,    N_("the untouched bytes that are signed, into FILE or a pipe; the journal notes it too"), false, true },
	[CLI_O_SHA256]   = { "sha256",   "HEX",   N_("approve only the file with this fingerprint, as the page of the form shows it"), false, true },
	[CLI_O_STATE]    = { "state",    "STATE[,STATE]", N_("only cases in one of these states; also: open, closed"), false, false },
	[CLI_O_PARTNER]  = { "partner",  "NAME",  N_("only cases of this partner"), false, false },
	[CLI_O_SINCE]    = { "since",    "DATE",  N_("taken in on this day or later (2026-11-21 or 21.11.2026)"), false, false },
	[CLI_O_UNTIL]    = { "until",    "DATE",  N_("taken in on this day or earlier"), false, false },
	[CLI_O_MONTH]    = { "month",    "MONTH", N_("taken in in this month (2026-11 or 11/2026); of a monthly report: 1 to 12"), false, false },
	[CLI_O_BY]       = { "by",       "LOGIN", N_("handed in by this person (login name or number)"), false, false },
	[CLI_O_TEXT]     = { "text",     "TEXT",  N_("with this text in the number, form, its label or the file's name; without regard to case and accents"), false, false },
	[CLI_O_LIMIT]    = { "limit",    "COUNT", N_("at most so many, the newest"), false, false },
	[CLI_O_CSV]      = { "csv",      NULL,    N_("the overview as CSV, for a spreadsheet"), false, true },
	[CLI_O_TSA]      = { "tsa",      "NAME",  N_("which time-stamp authority, where there are several"), false, true },
	[CLI_O_LABEL]    = { "label",    "TEXT",  N_("label of the new token, or of the key (usually its use)"), false, false },
	[CLI_O_ID]       = { "id",       "HEX",   N_("id of the new key on the token (usually the first free one); of a monthly report: its idPodani"), false, false },
	[CLI_O_TYPE]     = { "type",     "TYPE",  N_("type of the new key: rsa-2048 (usual), rsa-3072, p-256, p-384"), false, false },
	[CLI_O_USE]      = { "use",      "USE",   N_("what the new key is for: sign (usual), tls, journal, vault, decrypt"), false, false },
	[CLI_O_SUBJECT]  = { "subject",  "HOLDER", N_("who the certificate is for, as CN=Jane Doe,O=Firm,C=CZ"), false, false },
	[CLI_O_OUT]      = { "out",      "FILE",  N_("the new file for the request (PEM), to be taken to the authority"), false, false },
	[CLI_O_WIPE]     = { "wipe",     "SERIAL", N_("delete everything that is on the token with this serial number"), false, false },
	[CLI_O_REPLACE]  = { "replace",  NULL,    N_("the certificate that is there may be lost"), false, false },
	[CLI_O_WITH_KEYS] = { "with-keys", NULL, N_("put the keys into the backup too: who has it and a vault token can read all content"), false, true },
	[CLI_O_BASIS]    = { "basis",    "TEXT",  N_("the law or request it rests on, without names of people; the journal keeps it"), false, true },
	[CLI_O_WITHOUT_STAMP] = { "without-stamp", NULL, N_("also when the journal cannot be time-stamped before"), false, true },
	[CLI_O_BEFORE]   = { "before",   "DATE",  N_("cases that were closed before this day (2026-11-21 or 21.11.2026)"), false, false },
	[CLI_O_RESTORE]  = { "restore",  NULL,    N_("bring content back from the archive: of one case, or of all (--since, --before)"), false, true },
	[CLI_O_INIT]     = { "init",     NULL,    N_("make the folder archive_dir the archive of this box; once, while its disk is mounted"), false, true },
	[CLI_O_SAME_DISK] = { "same-disk", NULL,  N_("the archive may be on the same disk as the journal"), false, true },
	[CLI_O_FROM]     = { "from",     "DATE",  N_("from this day on (2026-11-21 or 21.11.2026)"), false, true },
	[CLI_O_TO]       = { "to",       "DATE",  N_("to this day"), false, false },
	[CLI_O_VS]       = { "vs",       "SYMBOL", N_("variable symbol of the firm, when it is not the configured one"), false, false },
	[CLI_O_YEAR]     = { "year",     "YEAR",  N_("year of a monthly report"), false, false },
	[CLI_O_NUMBER]   = { "number",   "NUMBER", N_("number of a decision"), false, false },
	[CLI_O_OLD]      = { "old",      NULL,    N_("the old version of the query"), false, false },
	[CLI_O_SO_PIN_FILE] = { "so-pin-file", "FILE", N_("take the PIN of the security officer from the first line of this file"), false, false },
};

const struct cli_command cli_commands[] = {
	{ "status",   NULL,         "",                N_("how the box is: programs, protection, tokens, what waits"), 0, 0, 0, 0, run_plain },
	{ "list",     NULL,         "",                N_("the cases, newest first"), 0, 0, ALL | FILTER, 0, cli_list },
	{ "watch",    NULL,         "",                N_("a live view of the box and its cases, until q"), 0, 0, 0, 0, cli_watch },
	{ "show",     NULL,         "ID [FILE]",       N_("one case with all its records, or its form"), 1, 2, FORM | XML, 0, cli_show },
	{ "send",     NULL,         "ID|--all",        N_("send now, do not wait for the next round"), 0, 1, ALL, 0, run_one_or_all },
	{ "poll",     NULL,         "ID|--all",        N_("ask for the result now"), 0, 1, ALL, 0, run_one_or_all },
	{ "classify", NULL,         "ID TYPE",         N_("say of what type a file is that the box does not know"), 2, 2, REASON, 0, run_plain },
	{ "approve",  NULL,         "ID",              N_("let a case go that waits for approval"), 1, 1, REASON | SHA256, 0, run_plain },
	{ "reject",   NULL,         "ID --reason TEXT", N_("refuse a case that waits for approval"), 1, 1, REASON, REASON, run_plain },
	{ "retry",    NULL,         "ID --reason TEXT", N_("send again what failed, or what surely was not taken"), 1, 1, REASON, REASON, run_plain },
	{ "attach",   NULL,         "ID FILE",         N_("add a confirmation that was found by hand"), 2, 2, REASON, 0, run_attach },
	{ "delete",   NULL,         "ID",              N_("take a case off the lists and the share"), 1, 1, REASON, 0, run_plain },
	{ "erase",    NULL,         "ID --basis TEXT", N_("destroy the content of a closed case for good; before its time two persons must ask for it"), 1, 1, BASIS | BIT(CLI_O_WITHOUT_STAMP), BASIS, run_plain },
	{ "archive",  NULL,         "[ID]",            N_("move content of closed cases to the archive (--before) or back (--restore); alone: how the archive is"), 0, 1, ARCHIVE, 0, cli_archive },
	{ "export",   NULL,         "ID DIR",          N_("write all that belongs to a case into a folder"), 2, 2, 0, 0, run_export },
	{ "token",    "list",       "",                N_("readers, tokens, keys and certificates, and what of them is not configured yet"), 0, 0, 0, 0, run_plain },
	{ "token",    "login",      "[NAME]",          N_("enter the PIN of a token"), 0, 1, PIN_FILE, 0, run_login },
	{ "token",    "logout",     "[NAME]",          N_("log a token out"), 0, 1, 0, 0, run_plain },
	{ "token",    "test",       "[KEY|TOKEN]",     N_("use each key once for real and check it with its certificate"), 0, 1, 0, 0, run_plain },
	{ "token",    "init",       "NAME",            N_("set up a blank token, and with --subject a key and the request for its certificate too"), 1, 1, MAKE_KEY | WIPE | PIN_FILE | SO_PIN_FILE, 0, cli_tool },
	{ "token",    "make-key",   "NAME --subject HOLDER --out FILE", N_("make a key on a token, and the request for its certificate"), 1, 1, MAKE_KEY | PIN_FILE, SUBJECT | OUT, cli_tool },
	{ "token",    "import-cert", "NAME FILE",      N_("put a certificate on a token, to the key that it belongs to"), 2, 2, REPLACE | PIN_FILE, 0, cli_tool },
	{ "config",   "check",      "",                N_("check the configuration and say all that is wrong"), 0, 0, 0, 0, run_config_check },
	{ "journal",  "verify",     "",                N_("check the whole journal"), 0, 0, 0, 0, run_plain },
	{ "journal",  "checkpoint", "",                N_("make a checkpoint now"), 0, 0, 0, 0, run_plain },
	{ "journal",  "accept",     "--reason TEXT",   N_("accept that the data directory was put back (rolled-back)"), 0, 0, REASON, REASON, run_plain },
	{ "journal",  "stamp",      "",                N_("have the journal time-stamped now"), 0, 0, TSA, 0, run_plain },
	{ "stamps",   "set-remaining", "COUNT --reason TEXT", N_("say how many time stamps are left, as the authority's portal shows it"), 1, 1, REASON | TSA, REASON, run_plain },
	{ "stamps",   NULL,         "",                N_("time stamps: how many are left; with a period, what they were used for"), 0, 0, PERIOD | CSV, 0, run_stamps },
	{ "cssz",     "dzdpn",      "--from DATE --to DATE", N_("ask the social security for notifications of incapacities for work"), 0, 0, DAYS | BIT(CLI_O_VS) | BIT(CLI_O_OLD), DAYS, cli_query },
	{ "cssz",     "dznp",       "--number NUMBER", N_("ask the social security for the data of one decision about a sickness benefit"), 0, 0, BIT(CLI_O_NUMBER) | BIT(CLI_O_VS), BIT(CLI_O_NUMBER), cli_query },
	{ "cssz",     "dzmh",       "--month MONTH --year YEAR | --id ID", N_("ask the social security for the state of a monthly report"), 0, 0, BIT(CLI_O_MONTH) | BIT(CLI_O_YEAR) | BIT(CLI_O_ID) | BIT(CLI_O_VS), 0, cli_query },
	{ "partner",  "certs",      "",                N_("certificates of partners: which are approved, which is used, which are only proposed"), 0, 0, 0, 0, run_plain },
	{ "partner",  "approve-cert", "PARTNER SHA256 --reason TEXT", N_("let a proposed certificate count, after its fingerprint was compared by another way"), 2, 2, REASON | BIT(CLI_O_FROM), REASON, run_approve_cert },
	{ "partner",  "announce-cert", "PARTNER FILE", N_("announce our new signing certificate to a partner, while the old one is still valid and signs it"), 2, 2, 0, 0, run_announce },
	{ "partner",  "revoke-cert", "PARTNER SHA256 --reason TEXT", N_("let a certificate no longer count"), 2, 2, REASON, REASON, run_plain },
	{ "cssz",     "announce-cert", "FILE",         N_("the same for the social security: partner announce-cert cssz FILE"), 1, 1, 0, 0, run_announce },
	{ "clock",    "accept",     "--reason TEXT",   N_("accept the time of the clock"), 0, 0, REASON, REASON, run_plain },
	{ "mail",     "test",       "[ADDRESS]",       N_("send an e-mail now and say what became of it"), 0, 1, 0, 0, run_plain },
	{ "backup",   NULL,         "FILE",            N_("write one consistent file of the whole box, while it works"), 1, 1, WITH_KEYS, 0, cli_backup },
	{ "maintenance", NULL,      "[index|names|leftovers|check|space|all]", N_("look after the data directory: what is left over, what can be made again, how much room it takes"), 0, 1, 0, 0, run_plain },
	{ "restore",  NULL,         "FILE",            N_("put a backup back into an empty data directory, while the box is stopped"), 1, 1, 0, 0, cli_restore },
	{ "console",  NULL,         "",                N_("commands line by line, for the serial console"), 0, 0, 0, 0, cli_console },
	{ "help",     NULL,         "[COMMAND]",       N_("all commands, or how one of them is used"), 0, 2, 0, 0, run_help },
	{ "version",  NULL,         "",                N_("the version"), 0, 0, 0, 0, run_version },
	{ NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL },
};
/* clang-format on */
