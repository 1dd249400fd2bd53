/* STORE_TRUST: a certificate or a list of revoked certificates becomes a file, then a record (FORMAT.txt section 6). The store reads none of it: podatelna-partner
 * judged it. STORE_ANCHOR_READ: a stamp or a signature of a checkpoint goes to the hub, which has a job look who signed it. */
#include "vault_crypto.h"

#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/fdio.h"
#include "journal_anchor.h"
#include "journal_trust.h"
#include "tree.h"

struct trust_wait {
	struct server *server;
	uint64_t request, epoch;
};

static void on_recorded(void *context, int err, const struct journal_receipt *receipt)
{
	_cleanup_free_ struct trust_wait *wait = context;

	if (wait->epoch != wait->server->hub_epoch || !channel_is_open(wait->server->hub)) {
		return;
	}
	if (err != 0) {
		server_fail(wait->server, wait->request, err, "the journal takes no records", NULL);
	} else {
		server_answer_appended(wait->server->hub, wait->request, receipt);
	}
}

/* The bytes behind the descriptor, which nobody can change any more. */
static int read_bytes(struct wire_message *message, uint8_t **ret_bytes, size_t *ret_length)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);

	if (!fd_is_sealed(fd) || lseek(fd, 0, SEEK_SET) != 0) {
		return ERR_FORMAT;
	}
	return fd_read_all(fd, JOURNAL_TRUST_MAX_BYTES, ret_bytes, ret_length);
}

/* Is a record of these fields allowed? Asked before there is a file that no record would name. */
static int check_record(struct lines *body, struct span bytes, char why[TABLE_WHY_SIZE])
{
	uint8_t hash[JOURNAL_HASH_BYTES];
	char sha256[2 * JOURNAL_HASH_BYTES + 1], text[4096];
	int length = tree_plain_hash(bytes, hash);

	if (length != 0) {
		return length;
	}
	hex_encode(hash, sizeof hash, sha256);
	lines_set(body, "sha256", sha256);
	lines_set(body, "file", "x");
	length = lines_finish(body, text, sizeof text);
	return length < 0 ? length : table_check("anchor", TABLE_STORE, span_of(text, (size_t)length), 0, NULL, why);
}

static int stage(struct server *server, uint64_t request, const struct lines *body, char why[TABLE_WHY_SIZE])
{
	struct trust_wait *wait = malloc(sizeof *wait);
	int err = ERR_MEMORY;

	if (wait != NULL) {
		*wait = (struct trust_wait){ .server = server, .request = request, .epoch = server->hub_epoch };
		err = server_stage_one(server, TABLE_STORE, "", "anchor", body, on_recorded, wait, why);
	}
	if (err != 0) {
		free(wait);
	}
	return err;
}

static int keep(struct server *server, struct wire_message *message, char why[TABLE_WHY_SIZE])
{
	_cleanup_lines_ struct lines body = { 0 };
	_cleanup_free_ uint8_t *bytes = NULL;
	char file[JOURNAL_TRUST_NAME_SIZE];
	const char *event = NULL;
	size_t length = 0;
	int err = read_bytes(message, &bytes, &length);

	(void)snprintf(why, TABLE_WHY_SIZE, "what is to be kept cannot be read");
	if (err != 0) {
		return err;
	}
	(void)snprintf(why, TABLE_WHY_SIZE, "what is said of it does not fit it");
	if (length == 0 || length != wire_number(message, WIRE_F_SIZE, 0) || lines_parse(wire_span(message, WIRE_F_LINES), &body) != 0 ||
	    lines_get(&body, "file") != NULL || lines_get(&body, "sha256") != NULL) {
		return ERR_FORMAT;
	}
	event = lines_get(&body, "event");
	if (event == NULL || (strcmp(event, "crl") != 0 && strcmp(event, "cert") != 0)) {
		return ERR_FORMAT;
	}
	err = check_record(&body, span_of(bytes, length), why);
	if (err == 0) {
		err = server_check_space(server, length + server->settings->min_free_bytes);
		(void)snprintf(why, TABLE_WHY_SIZE, "it could not be written");
	}
	if (err == 0) {
		err = journal_trust_put(server->journal, event, span_of(bytes, length), file);
	}
	if (err != 0) {
		return err;
	}
	lines_set(&body, "file", file);
	return stage(server, message->id, &body, why);
}

void server_trust(struct server *server, struct wire_message *message)
{
	char why[TABLE_WHY_SIZE] = "the journal takes no records";
	struct journal_facts facts;
	int err = server->fault ? ERR_READONLY : keep(server, message, why);

	journal_facts(server->journal, &facts);
	if (facts.state == JOURNAL_FAULTY) {
		server_fault(server, facts.why);
	}
	if (err != 0) {
		server_fail(server, message->id, err, why, NULL);
	}
}

/* Into a memory file: that never waits for anybody. */
static int copy(struct server *server, struct wire_message *message, size_t *ret_length)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);
	_cleanup_free_ uint8_t *bytes = NULL;
	struct journal_anchor_name name;
	char text[JOURNAL_ANCHOR_NAME_SIZE];
	struct stat status;
	int err = ERR_FORMAT;

	if (wire_string(message, WIRE_F_NAME, text, sizeof text) && journal_anchor_parse_name(text, &name) && fstat(fd, &status) == 0 &&
	    S_ISREG(status.st_mode)) {
		err = journal_anchor_read(server->journal, &name, &bytes, ret_length);
	}
	return err != 0 ? err : fd_write_all(fd, bytes, *ret_length);
}

void server_anchor_read(struct server *server, struct wire_message *message)
{
	struct wire_message answer;
	size_t length = 0;
	int err = copy(server, message, &length);

	if (err != 0) {
		server_fail(server, message->id, err, "there is no such file of a checkpoint", NULL);
		return;
	}
	wire_begin(&answer, WIRE_STORE_COPIED, message->id, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_SIZE, length);
	server_tell_hub(server, &answer);
}
